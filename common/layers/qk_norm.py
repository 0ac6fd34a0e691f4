# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoders whose checkpoints may normalise q and k, head by head."""

from __future__ import annotations

from typing import Any

from max.nn.layer import Layer

from .attention import Attention, QKNormAttention
from .decoder import ConfigT, Decoder


class QKNormDecoder(Decoder[ConfigT]):
    """A decoder with norms of q and k where :meth:`head_norm` returns some."""

    def head_norm(self, heads: int) -> Layer | None:
        """Returns the norm of q's or k's ``heads`` heads, or None where they have none."""
        raise NotImplementedError

    def attention_of(self, i: int, **parts: Any) -> Attention:
        q_norm = self.head_norm(self.config.num_attention_heads)
        k_norm = self.head_norm(self.config.num_key_value_heads)
        if q_norm is None or k_norm is None:
            return super().attention_of(i, **parts)
        return QKNormAttention(self.config, i, q_norm=q_norm, k_norm=k_norm, **parts)
