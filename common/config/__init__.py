# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""config.json to typed fields: key accounting, rope parameters, the decoder's config."""

from .decoder import DecoderConfig, layer_windows
from .keys import ConfigKeys
from .rope import RopeParameters

__all__ = ["ConfigKeys", "DecoderConfig", "RopeParameters", "layer_windows"]
