# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Checkpoint tensors to graph weights: rules, the map that applies them, and the audit."""

from .audit import audit
from .rules import CanonicalRope, Drop, Rename, Rule, SplitInterleavedQKV
from .weight_map import Adapter, WeightMap, adapt

__all__ = [
    "Adapter",
    "CanonicalRope",
    "Drop",
    "Rename",
    "Rule",
    "SplitInterleavedQKV",
    "WeightMap",
    "adapt",
    "audit",
]
