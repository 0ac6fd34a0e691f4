# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GPT-NeoX's weights: other names, a fused head-interleaved QKV, partial RoPE rows."""

from common.adapters import (
    Adapter,
    CanonicalRope,
    Drop,
    FromGGUF,
    RenameParts,
    SplitGroupedQKV,
    SplitQKV,
    WeightMap,
)

from .model_config import GPTNeoXConfig

PARTS = {
    "embed_in": "embed_tokens",
    "embed_out": "lm_head",
    "final_layer_norm": "norm",
    "dense_h_to_4h": "up_proj",
    "dense_4h_to_h": "down_proj",
    "attention.dense": "self_attn.o_proj",
    "attention.query_key_value": "self_attn.qkv_proj",
}
FUSED, SPLIT = r"(layers\.\d+\.self_attn)\.qkv_proj\.(.*)", r"\1.{}_proj.\2"


def weight_map(config: GPTNeoXConfig) -> WeightMap:
    """What differs in safetensors."""
    return WeightMap(
        Drop(
            r"gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",
            "buffers for masks and frequencies in older files",
        ),
        RenameParts("gpt_neox", PARTS),
        SplitGroupedQKV(FUSED, SPLIT, **config.heads),
        CanonicalRope(rope=config.rope),
    )


def gguf_map(config: GPTNeoXConfig) -> WeightMap:
    """What differs in GGUF, whose converters bring q, k and v of all heads together."""
    return WeightMap(
        FromGGUF(), SplitQKV(FUSED, SPLIT, **config.heads), CanonicalRope(rope=config.rope)
    )


convert_safetensor_state_dict = Adapter(GPTNeoXConfig, weight_map)
convert_gguf_state_dict = Adapter(GPTNeoXConfig, gguf_map)
