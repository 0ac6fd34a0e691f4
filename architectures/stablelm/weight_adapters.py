# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableLM's weights: names under ``model.``, norms of heads one by one, partial RoPE rows."""

from common.adapters import CanonicalRope, RenameParts, Stack, WeightMap

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
