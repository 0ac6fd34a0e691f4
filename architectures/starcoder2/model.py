# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Serves StarCoder2 through the common decoder pipeline."""

from common.pipeline import DecoderModel

from .model_config import Starcoder2Config
from .starcoder2 import Starcoder2


class Starcoder2Model(DecoderModel):
    """Pipeline model of StarCoder2."""

    model_config_cls = Starcoder2Config
    decoder_cls = Starcoder2
