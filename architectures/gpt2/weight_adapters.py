# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-2's weights: other names, and Conv1D, which stores ``[in, out]``, with q, k and v fused."""

from common.adapters import Drop, RenameParts, SplitQKV, Transpose, WeightMap

from .model_config import GPT2Config

#: Released files have ``transformer.`` in front of names or not.
BUFFERS = r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)"
PARTS = {
    "wte": "embed_tokens",
    "wpe": "embed_positions",
    "h": "layers",
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
    "ln_f": "norm",
    "attn.c_attn": "self_attn.qkv_proj",
    "attn.c_proj": "self_attn.o_proj",
    "mlp.c_fc": "mlp.up_proj",
    "mlp.c_proj": "mlp.down_proj",
}


def weight_map(config: GPT2Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(
        Drop(BUFFERS, "buffers for masks in released files"),
        RenameParts("transformer", PARTS),
        Transpose(r"layers\.\d+\..*_proj\.weight"),
        SplitQKV(**config.heads),
    )
