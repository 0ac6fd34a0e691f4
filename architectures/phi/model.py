# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves Phi through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .model_config import PhiConfig
from .phi import Phi


class PhiModel(DecoderModel):
    """Pipeline model of Phi."""

    model_config_cls = PhiConfig
    decoder_cls = Phi
