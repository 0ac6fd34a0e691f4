# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""StableLM's weights: names under ``model.``, norms of heads one by one, partial RoPE rows."""

from common.adapters import Adapter, CanonicalRope, RenameParts, Stack, WeightMap, gguf_map

from .model_config import StableLmConfig


def weight_map(config: StableLmConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads}
    stacks = [
        Stack(
            rf"(layers\.\d+\.self_attn)\.{of}_layernorm\.norms\.(?P<i>\d+)\.weight",
            rf"\1.{of}_norm.weight",
            count,
        )
        for of, count in heads.items()
    ]
    return WeightMap(RenameParts("model"), *stacks, CanonicalRope(rope=config.rope))


convert_safetensor_state_dict = Adapter(StableLmConfig, weight_map)
# llama.cpp's converter stacks the norms of heads itself, and its heads rotate by split halves.
convert_gguf_state_dict = Adapter(StableLmConfig, gguf_map)
