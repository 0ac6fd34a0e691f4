# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-NeoX's decoder.

It derives from GPT-3: LayerNorms with biases and a two-matrix GELU MLP. It differs in partial
RoPE and a fused, head-interleaved QKV, both of which the weight map makes canonical, and in a
parallel residual with a norm for each branch, or a sequential one.
"""

from max.nn.norm import LayerNorm

from common.layers import Decoder, ParallelTwoNormBlock, PlainMLP, PreNormBlock

from .model_config import GPTNeoXConfig


class GPTNeoX(Decoder[GPTNeoXConfig]):
    """GPT-NeoX as parts."""

    def wiring(self) -> type[PreNormBlock]:
        return ParallelTwoNormBlock if self.config.use_parallel_residual else PreNormBlock

    def mlp(self, i: int) -> PlainMLP:
        return PlainMLP(self.config)

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm()
