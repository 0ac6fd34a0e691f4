# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoint tensors to graph weights: rules, the map that applies them, and the audit."""

from .audit import audit
from .gguf import FromGGUF, gguf_map
from .headers import described
from .layouts import (
    CanonicalRope,
    Reshape,
    SliceRows,
    SplitGateUp,
    SplitGroupedQKV,
    SplitQKV,
    Stack,
    Transpose,
    Unstack,
    expert_layouts,
)
from .quantised import MXFP4, GroupOrder
from .rules import Add, Cast, Drop, Rename, RenameParts, Rule, Tie
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
    "expert_layouts",
    "gguf_map",
    "plan",
]
