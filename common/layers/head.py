# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The projection from the last hidden state to logits."""

from __future__ import annotations

from max.dtype import DType
from max.graph import TensorValue
from max.nn.embedding import Embedding
from max.nn.linear import Linear

from common.config import DecoderConfig


class Head(Linear):
    """``[tokens, hidden_size]`` to ``[tokens, vocab_size]``; shares the embedding where tied."""

    def __init__(self, config: DecoderConfig, embedding: Embedding, *, bias: bool = False) -> None:
        super().__init__(
            config.hidden_size, config.vocab_size, config.dtype, config.device, has_bias=bias
        )
        if config.tie_word_embeddings:
            self.set_shared_weight("weight", embedding.weight)


class ScaledHead(Head):
    """Multiplies the logits by ``scale``."""

    def __init__(self, config: DecoderConfig, embedding: Embedding, scale: float) -> None:
        super().__init__(config, embedding)
        self.scale = scale

    def __call__(self, x: TensorValue) -> TensorValue:
        # In bfloat16 MAX would cut the factor off to 8 bits; torch multiplies by all of it.
        logits = super().__call__(x)
        return (logits.cast(DType.float32) * self.scale).cast(logits.dtype)
