# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The pipeline model that every port serves through, and the registration MAX reads."""

from .architecture import decoder_architecture
from .lazy import LazyPorts
from .model import DecoderModel

__all__ = ["DecoderModel", "LazyPorts", "decoder_architecture"]
