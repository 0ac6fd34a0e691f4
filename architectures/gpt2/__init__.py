# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GPT-2, for ``max serve --custom-architectures architectures/gpt2``."""

from .arch import architecture

ARCHITECTURES = [architecture]
