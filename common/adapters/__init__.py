# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Checkpoint tensors to graph weights: rules, the map that applies them, and the audit."""

from .audit import audit
from .gguf import FromGGUF, gguf_map
from .headers import described
from .quantised import MXFP4, GroupOrder
from .rules import (
    Add,
    CanonicalRope,
    Cast,
    Drop,
    Rename,
    RenameParts,
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
    "MXFP4",
    "Adapter",
    "Add",
    "CanonicalRope",
    "Cast",
    "Drop",
    "FromGGUF",
    "GroupOrder",
    "Plan",
    "Rename",
    "RenameParts",
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
    "gguf_map",
    "plan",
]
