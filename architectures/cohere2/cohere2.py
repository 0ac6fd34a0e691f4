# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere2's decoder.

It derives from Cohere's Command R: a parallel block behind one bias-free LayerNorm, a gated MLP
and a tied, scaled head. It differs in that sliding layers rotate (interleaved pairs, which the
weight map makes split-half) while full layers have no positions at all.
"""

from max.nn.norm import LayerNorm

from common.layers import Decoder, NoPosition, ParallelBlock, ScaledHead

from .model_config import Cohere2Config


class Cohere2(Decoder[Cohere2Config]):
    """Cohere2 as parts."""

    def block(self, i: int) -> ParallelBlock:
        window = self.config.windows[i]
        return ParallelBlock(
            input_layernorm=self.norm_layer(),
            attention=self.attention(
                i, position=self.rope if window else NoPosition(), window=window
            ),
            mlp=self.mlp(i),
        )

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm(bias=False)

    def head(self) -> ScaledHead:
        return ScaledHead(self.config, self.embed_tokens, self.config.logit_scale)
