# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves Gemma through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .gemma import Gemma
from .model_config import GemmaConfig


class GemmaModel(DecoderModel):
    """Pipeline model of Gemma."""

    model_config_cls = GemmaConfig
    decoder_cls = Gemma
