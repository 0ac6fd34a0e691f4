# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves Mixtral through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .mixtral import Mixtral
from .model_config import MixtralConfig


class MixtralModel(DecoderModel):
    """Pipeline model of Mixtral."""

    model_config_cls = MixtralConfig
    decoder_cls = Mixtral
