# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves GPT-2 through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .gpt2 import GPT2
from .model_config import GPT2Config


class GPT2Model(DecoderModel):
    """Pipeline model of GPT-2."""

    model_config_cls = GPT2Config
    decoder_cls = GPT2
