# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere, for ``max serve --custom-architectures architectures/cohere``."""

from .arch import architecture

ARCHITECTURES = [architecture]
