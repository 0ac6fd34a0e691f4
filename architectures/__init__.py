# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Every port, for ``max serve --custom-architectures architectures``."""

from pathlib import Path

from common.pipeline import LazyPorts

ARCHITECTURES = LazyPorts(__name__, Path(__file__).parent)
