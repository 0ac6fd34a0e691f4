# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Phi's weights: other names for projections and norms, partial RoPE rows."""

from common.adapters import Adapter, CanonicalRope, RenameParts, WeightMap, gguf_map

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


convert_safetensor_state_dict = Adapter(PhiConfig, weight_map)
# llama.cpp rotates Phi's heads by split halves; its names have none for the norms of q and k.
convert_gguf_state_dict = Adapter(PhiConfig, gguf_map)
