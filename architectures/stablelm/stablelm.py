# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableLM's decoder.

It derives from Llama's pre-norm decoder and gated MLP, with partial RoPE, which the weight map
makes canonical. It differs in LayerNorms with biases, in biases on q, k and v where a checkpoint
asks for them, and never on the output. A checkpoint may also ask for a parallel block behind one
norm, and for norms of q and k with a weight for each head.
"""

from max.nn.norm import LayerNorm

from common.layers import HeadLayerNorm, ParallelBlock, PreNormBlock, QKNormDecoder

from .model_config import StableLmConfig


class StableLm(QKNormDecoder[StableLmConfig]):
    """StableLM as parts."""

    def wiring(self) -> type[PreNormBlock] | type[ParallelBlock]:
        return ParallelBlock if self.config.use_parallel_residual else PreNormBlock

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm()

    def head_norm(self, heads: int) -> HeadLayerNorm | None:
        return HeadLayerNorm(self.config, heads) if self.config.qk_layernorm else None
