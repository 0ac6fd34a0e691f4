# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Phi's weights: other names for projections and norms, partial RoPE rows."""

from common.adapters import CanonicalRope, RenameParts, WeightMap

from .model_config import PhiConfig

PARTS = {
    "self_attn.dense": "self_attn.o_proj",
    "q_layernorm": "q_norm",
    "k_layernorm": "k_norm",
    "fc1": "up_proj",
    "fc2": "down_proj",
    "final_layernorm": "norm",
}


def weight_map(config: PhiConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model", PARTS), CanonicalRope(rope=config.rope))
