# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves GPTNeoX through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .gpt_neox import GPTNeoX
from .model_config import GPTNeoXConfig


class GPTNeoXModel(DecoderModel):
    """Pipeline model of GPTNeoX."""

    model_config_cls = GPTNeoXConfig
    decoder_cls = GPTNeoX
