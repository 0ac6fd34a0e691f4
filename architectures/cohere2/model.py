# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves Cohere2 through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .cohere2 import Cohere2
from .model_config import Cohere2Config


class Cohere2Model(DecoderModel):
    """Pipeline model of Cohere2."""

    model_config_cls = Cohere2Config
    decoder_cls = Cohere2
