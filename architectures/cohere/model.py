# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves Cohere through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .cohere import Cohere
from .model_config import CohereConfig


class CohereModel(DecoderModel):
    """Pipeline model of Cohere."""

    model_config_cls = CohereConfig
    decoder_cls = Cohere
