# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Checkpoint tensors to graph weights: rules, the map that applies them, and the audit."""

from .audit import audit
from .headers import described
from .rules import (
    CanonicalRope,
    Cast,
    Drop,
    Rename,
    Reshape,
    Rule,
    SliceRows,
    SplitGateUp,
    SplitGroupedQKV,
    SplitQKV,
    Stack,
    Tie,
    Transpose,
    Unstack,
)
from .tensor import Tensor
from .weight_map import Adapter, Plan, WeightMap, plan

__all__ = [
    "Adapter",
    "CanonicalRope",
    "Cast",
    "Drop",
    "Plan",
    "Rename",
    "Reshape",
    "Rule",
    "SliceRows",
    "SplitGateUp",
    "SplitGroupedQKV",
    "SplitQKV",
    "Stack",
    "Tensor",
    "Tie",
    "Transpose",
    "Unstack",
    "WeightMap",
    "audit",
    "described",
    "plan",
]
