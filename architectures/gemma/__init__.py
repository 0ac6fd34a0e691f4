# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Gemma, for ``max serve --custom-architectures architectures/gemma``."""

from .arch import architecture

ARCHITECTURES = [architecture]
