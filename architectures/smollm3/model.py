# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves SmolLM3 through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .model_config import SmolLM3Config
from .smollm3 import SmolLM3


class SmolLM3Model(DecoderModel):
    """Pipeline model of SmolLM3."""

    model_config_cls = SmolLM3Config
    decoder_cls = SmolLM3
