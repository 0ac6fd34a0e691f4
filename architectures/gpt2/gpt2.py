# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-2's decoder.

It is the pre-norm decoder that the others derive from: multi-head attention and a two-matrix GELU
MLP behind LayerNorms, all with biases, and a tied head. It differs from them in that one learned
vector a position is added to the tokens' embeddings, the only place where positions enter. Where a
checkpoint asks for it, deeper layers soften their scores, or scores stay unscaled.
"""

from typing import Any

from max.graph import TensorValue
from max.nn.norm import LayerNorm

from common.layers import Attention, Decoder, LearnedPositions, PlainMLP, Step

from .model_config import GPT2Config


class GPT2(Decoder[GPT2Config]):
    """GPT-2 as parts."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.embed_positions = LearnedPositions(config, config.max_position_embeddings)

    def embed(self, tokens: TensorValue, step: Step) -> TensorValue:
        return self.embed_tokens(tokens) + self.embed_positions.of(tokens, step)

    def attention(self, i: int, **parts: Any) -> Attention:
        scale = self.config.head_dim**-0.5 if self.config.scale_attn_weights else 1.0
        if self.config.scale_attn_by_inverse_layer_idx:
            scale /= i + 1
        return super().attention(i, scale=scale, **parts)

    def mlp(self, i: int) -> PlainMLP:
        return PlainMLP(self.config)

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm()
