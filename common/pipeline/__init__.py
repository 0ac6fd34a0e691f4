# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""The pipeline model that every port serves through, and the registration MAX reads."""

from .architecture import decoder_architecture
from .lazy import LazyPorts
from .model import DecoderModel

__all__ = ["DecoderModel", "LazyPorts", "decoder_architecture"]
