# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GLM's weights: the graph's names under ``model.``, a fused MLP, interleaved partial RoPE rows."""

from common.adapters import Adapter, CanonicalRope, RenameParts, SplitGateUp, WeightMap, gguf_map

from .model_config import GlmConfig


def weight_map(config: GlmConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(
        RenameParts("model"),
        SplitGateUp(),
        CanonicalRope(rope=config.rope, interleaved=True),
    )


def gguf_weight_map(config: GlmConfig) -> WeightMap:
    """llama.cpp leaves the rows as they are, and calls the fused projection ``ffn_up``."""
    return WeightMap(
        *gguf_map(config, interleaved=True).rules,
        SplitGateUp(r"(layers\.\d+\.mlp)\.up_proj\.(.*)"),
    )


convert_safetensor_state_dict = Adapter(GlmConfig, weight_map)
convert_gguf_state_dict = Adapter(GlmConfig, gguf_weight_map)
