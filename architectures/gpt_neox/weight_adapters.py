# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-NeoX's weights: other names, a fused head-interleaved QKV, partial RoPE rows."""

from common import adapters
from common.adapters import WeightMap

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
BUFFERS = r"gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)"


def weight_map(config: GPTNeoXConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(
        adapters.Drop(BUFFERS, "buffers for masks and frequencies in older files"),
        adapters.RenameParts("gpt_neox", PARTS, newer=("lm_head",)),
        adapters.SplitGroupedQKV(**config.heads),
        adapters.CanonicalRope(rope=config.rope),
    )
