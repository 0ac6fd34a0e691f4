# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GPT-NeoX's weights: other names, a fused head-interleaved QKV, partial RoPE rows."""

from common.adapters import Adapter, CanonicalRope, Drop, Rename, SplitGroupedQKV, WeightMap

from .model_config import GPTNeoXConfig


def weight_map(config: GPTNeoXConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(
        Drop(
            r"gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",
            "buffers for masks and frequencies in older files",
        ),
        Rename(r"gpt_neox\.(.*)", r"\1"),
        Rename(r"embed_in\.(.*)", r"embed_tokens.\1"),
        Rename(r"embed_out\.(.*)", r"lm_head.\1"),
        Rename(r"final_layer_norm\.(.*)", r"norm.\1"),
        Rename(r"(layers\.\d+\.mlp)\.dense_h_to_4h\.(.*)", r"\1.up_proj.\2"),
        Rename(r"(layers\.\d+\.mlp)\.dense_4h_to_h\.(.*)", r"\1.down_proj.\2"),
        Rename(r"(layers\.\d+)\.attention\.dense\.(.*)", r"\1.self_attn.o_proj.\2"),
        SplitGroupedQKV(
            r"(layers\.\d+)\.attention\.query_key_value\.(.*)",
            r"\1.self_attn.{}_proj.\2",
            **config.heads,
        ),
        CanonicalRope(rope=config.rope),
    )


convert_safetensor_state_dict = Adapter(GPTNeoXConfig, weight_map)
