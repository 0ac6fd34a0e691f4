# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mixtral's weights: other names under ``model.``, and experts to be stacked."""

from functools import partial

from common.adapters import RenameParts, WeightMap, expert_layouts, gguf_map

from .model_config import MixtralConfig

PARTS = {"block_sparse_moe": "mlp", "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}


def weight_map(config: MixtralConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    rename = RenameParts("model", PARTS, newer=("mlp", "down_proj"))
    return WeightMap(rename, *expert_layouts(config.num_local_experts))


gguf_weight_map = partial(gguf_map, interleaved=True)
