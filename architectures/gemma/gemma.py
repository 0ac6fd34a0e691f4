# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Gemma's decoder.

It is a pre-norm decoder with a gated MLP, as in Llama, with a GELU for a gate, heads of a size of
their own, one key-value head in the smaller model, and a tied head. It differs in that the norms'
weights are stored as their distance from one. The embedding is multiplied by the root of the
hidden size.
"""

import math

from max.graph import TensorValue
from max.nn.norm import RMSNorm

from common.layers import Decoder
from common.layers.step import Step

from .model_config import GemmaConfig


class Gemma(Decoder[GemmaConfig]):
    """Gemma as parts."""

    def embed(self, tokens: TensorValue, step: Step) -> TensorValue:
        # The factor takes the embedding's dtype, as the reference's does: 55.5 for 55.43 in
        # bfloat16.
        return super().embed(tokens, step) * math.sqrt(self.config.hidden_size)

    def norm_layer(self) -> RMSNorm:
        return self.rms_norm(offset=1.0)
