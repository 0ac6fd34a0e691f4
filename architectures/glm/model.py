# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves GLM and GLM-4 through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .glm import Glm, Glm4
from .model_config import GlmConfig


class GlmModel(DecoderModel):
    """Pipeline model of GLM."""

    model_config_cls = GlmConfig
    decoder_cls = Glm


class Glm4Model(GlmModel):
    """Pipeline model of GLM-4."""

    decoder_cls = Glm4
