# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Phi's decoder, of phi-1, phi-1.5 and phi-2.

It derives from GPT-J: a parallel block behind one LayerNorm, a two-matrix GELU MLP, partial RoPE
and a head with a bias. It differs in biases on q, k, v and the output projection too, and in RoPE
by split halves. Where a checkpoint asks for it, one LayerNorm normalises every head of q, another
every head of k.
"""

from max.nn.norm import LayerNorm

from common.layers import Head, ParallelBlock, PlainMLP, QKNormDecoder

from .model_config import PhiConfig


class Phi(QKNormDecoder[PhiConfig]):
    """Phi as parts."""

    def wiring(self) -> type[ParallelBlock]:
        return ParallelBlock

    def mlp(self, i: int) -> PlainMLP:
        return PlainMLP(self.config)

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm()

    def head_norm(self, heads: int) -> LayerNorm | None:
        return self.layer_norm(width=self.config.head_dim) if self.config.qk_layernorm else None

    def head(self) -> Head:
        return Head(self.config, self.embed_tokens, bias=True)
