# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere's decoder, of Command R and Aya.

It derives from GPT-J's parallel block, with a gated MLP, interleaved RoPE, which the weight map
makes split-half, and a tied head. It differs in LayerNorms without biases and in the factor on the
logits. Where a checkpoint asks for it, q and k are normalised, with a weight for each head.
"""

from typing import Any

from max.nn.norm import LayerNorm

from common import layers
from common.layers import Decoder, HeadLayerNorm, ParallelBlock, ScaledHead

from .model_config import CohereConfig


class Cohere(Decoder[CohereConfig]):
    """Cohere as parts."""

    def block(self, i: int) -> ParallelBlock:
        return ParallelBlock(
            input_layernorm=self.norm_layer(), attention=self.attention(i), mlp=self.mlp(i)
        )

    def attention(self, i: int, **kwargs: Any) -> layers.Attention:
        if not self.config.use_qk_norm:
            return super().attention(i, **kwargs)
        return layers.QKNormAttention(
            self.config,
            i,
            position=self.rope,
            mask=layers.Causal(),
            q_norm=HeadLayerNorm(self.config, self.config.num_attention_heads),
            k_norm=HeadLayerNorm(self.config, self.config.num_key_value_heads),
        )

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm(bias=False)

    def head(self) -> ScaledHead:
        return ScaledHead(self.config, self.embed_tokens, self.config.logit_scale)
