# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GLM's weights: the graph's names under ``model.``, a fused MLP, interleaved partial RoPE rows."""

from common.adapters import CanonicalRope, RenameParts, SplitGateUp, WeightMap, gguf_map

from .model_config import GlmConfig


def weight_map(config: GlmConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(
        RenameParts("model"), SplitGateUp(), CanonicalRope(rope=config.rope, interleaved=True)
    )


def gguf_weight_map(config: GlmConfig) -> WeightMap:
    """llama.cpp leaves the rows as they are, and calls the fused projection ``ffn_up``."""
    return WeightMap(
        *gguf_map(config, interleaved=True).rules, SplitGateUp(r"(layers\.\d+\.mlp)\.up_proj\.(.*)")
    )
