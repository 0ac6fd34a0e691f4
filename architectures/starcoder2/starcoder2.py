# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StarCoder2's decoder.

It derives from Llama and Mistral: a pre-norm decoder with grouped-query attention, split-half RoPE
and, in most checkpoints, a sliding window on every layer. It differs in LayerNorms with biases, a
two-matrix MLP with tanh GELU, and one switch that puts biases on all its projections.
"""

from typing import Any

from max.nn.norm import LayerNorm

from common.layers import Attention, Decoder, PlainMLP

from .model_config import Starcoder2Config


class Starcoder2(Decoder[Starcoder2Config]):
    """StarCoder2 as parts."""

    def attention(self, i: int, **parts: Any) -> Attention:
        return super().attention(i, window=self.config.sliding_window, **parts)

    def mlp(self, i: int) -> PlainMLP:
        # use_bias is of attention and MLP alike.
        return PlainMLP(self.config, bias=self.config.attention_bias)

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm()
