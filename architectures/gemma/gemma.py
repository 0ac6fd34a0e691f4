# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gemma's decoder.

It derives from Llama's pre-norm decoder and gated MLP, with a GELU for a gate, heads of a size of
their own, one key-value head in the smaller model, and a tied head. It differs in that the norms'
weights are stored as their distance from one, and in that the embedding is multiplied by the root
of the hidden size.
"""

import math

from max.dtype import DType
from max.graph import TensorValue, ops
from max.nn.embedding import Embedding
from max.nn.norm import RMSNorm

from common.layers import Decoder

from .model_config import GemmaConfig


class ScaledEmbedding(Embedding):
    """Multiplies by the root of the hidden size."""

    def __call__(self, tokens: TensorValue) -> TensorValue:
        # The factor takes the embedding's dtype, as in the reference: 55.5 for 55.43 in bfloat16.
        # By itself MAX would cut it off, to 55.25; a cast rounds.
        h = super().__call__(tokens)
        root = math.sqrt(int(h.shape[-1]))
        return h * ops.constant(root, DType.float32, device=h.device).cast(h.dtype)


class Gemma(Decoder[GemmaConfig]):
    """Gemma as parts."""

    def embedding(self) -> Embedding:
        config = self.config
        return ScaledEmbedding(config.vocab_size, config.hidden_size, config.dtype, config.device)

    def norm_layer(self) -> RMSNorm:
        return self.rms_norm(offset=1.0)
