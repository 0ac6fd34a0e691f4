# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere2's decoder.

It derives from Cohere's Command R: a parallel block behind one bias-free LayerNorm, a gated MLP
and a tied, scaled head. It differs in that sliding layers rotate (interleaved pairs, which the
weight map makes split-half) while full layers have no positions at all.
"""

from typing import Any

from max.nn.norm import LayerNorm

from common.layers import Attention, Decoder, NoPosition, ParallelBlock, ScaledHead

from .model_config import Cohere2Config


class Cohere2(Decoder[Cohere2Config]):
    """Cohere2 as parts."""

    def wiring(self) -> type[ParallelBlock]:
        return ParallelBlock

    def attention(self, i: int, **parts: Any) -> Attention:
        window = self.config.windows[i]
        position = self.rope if window else NoPosition()
        return super().attention(i, position=position, window=window, **parts)

    def norm_layer(self) -> LayerNorm:
        return self.layer_norm(bias=False)

    def head(self) -> ScaledHead:
        return ScaledHead(self.config, self.embed_tokens, self.config.logit_scale)
