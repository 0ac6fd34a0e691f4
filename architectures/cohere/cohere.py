# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere's decoder, of Command R and Aya.

It derives from GPT-J's parallel block, with a gated MLP, interleaved RoPE, which the weight map
makes split-half, and a tied head. It differs in LayerNorms without biases and in the factor on the
logits. Where a checkpoint asks for it, q and k are normalised, with a weight for each head.
"""

from max.nn.norm import LayerNorm

from common.layers import HeadLayerNorm, ParallelBlock, QKNormDecoder, ScaledHead

from .model_config import CohereConfig


class Cohere(QKNormDecoder[CohereConfig]):
    """Cohere as parts."""

    def wiring(self) -> type[ParallelBlock]:
        return ParallelBlock

    def head_norm(self, heads: int) -> HeadLayerNorm | None:
        return HeadLayerNorm(self.config, heads) if self.config.use_qk_norm else None

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm(bias=False)

    def head(self) -> ScaledHead:
        return ScaledHead(self.config, self.embed_tokens, self.config.logit_scale)
