# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves StableLM through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .model_config import StableLmConfig
from .stablelm import StableLm


class StableLmModel(DecoderModel):
    """Pipeline model of StableLM."""

    model_config_cls = StableLmConfig
    decoder_cls = StableLm
