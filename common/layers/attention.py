# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245) over the paged KV cache."""

from __future__ import annotations

import math
from typing import Any

from max.dtype import DType
from max.graph import DeviceRef, TensorValue, ops
from max.nn.layer import Layer, Module
from max.nn.linear import Linear
from max.nn.stacked_linear import StackedLinear

from common.config import DecoderConfig

from .attend import attend
from .masks import Mask
from .positions import Position
from .step import Step


class Attention(Module):
    """Projects to q, k and v in one matmul, attends, and projects back.

    Weights: ``{q,k,v,o}_proj.weight``, and ``.bias`` where ``attention_bias`` (of q, k and v) and
    ``output_bias`` are set.

    Args:
        config: The decoder's dimensions.
        layer: The layer's index in the KV cache.
        position: How positions enter.
        mask: Which positions are seen.
        scale: Factor on the scores; 1 / √head_dim if None.
    """

    def __init__(
        self,
        config: DecoderConfig,
        layer: int,
        *,
        position: Position,
        mask: Mask,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.layer = layer
        self.position = position
        self.mask = mask
        self.scale = scale or 1 / math.sqrt(config.head_dim)
        q_dim = config.num_attention_heads * config.head_dim
        kv_dim = config.num_key_value_heads * config.head_dim
        self.qkv_proj = StackedLinear(
            config.hidden_size,
            [q_dim, kv_dim, kv_dim],
            ["q_proj", "k_proj", "v_proj"],
            config.dtype,
            config.device,
            has_bias=config.attention_bias,
        )
        self.o_proj = Linear(
            q_dim,
            config.hidden_size,
            config.dtype,
            config.device,
            has_bias=config.output_bias,
        )

    def project(self, x: TensorValue) -> TensorValue:
        """Returns ``[tokens, (heads + 2 * kv_heads) * head_dim]``: q, k and v, not rotated yet."""
        return self.qkv_proj(x)

    def __call__(self, x: TensorValue, step: Step) -> TensorValue:
        """``[tokens, hidden_size]`` to the same."""
        kv, heads = self.config.cache, self.config.num_attention_heads
        layer = ops.constant(self.layer, DType.uint32, device=DeviceRef.CPU())
        q = self.position.store(self.project(x), step, layer, kv, heads)
        out = attend(q, step, self.layer, kv, self.mask, self.scale)
        return self.o_proj(out.reshape((-1, heads * kv.head_dim)))


class QKNormAttention(Attention):
    """Normalises q and k, head by head, before they rotate (Henry et al. 2020, arXiv:2010.04245).

    Weights: those of :class:`Attention`, and of the norms as ``q_norm`` and ``k_norm``.

    Args:
        q_norm: Maps ``[tokens, num_attention_heads, head_dim]`` to the same.
        k_norm: Maps ``[tokens, num_key_value_heads, head_dim]`` to the same.
    """

    def __init__(
        self, config: DecoderConfig, layer: int, *, q_norm: Layer, k_norm: Layer, **kwargs: Any
    ) -> None:
        super().__init__(config, layer, **kwargs)
        self.q_norm = q_norm
        self.k_norm = k_norm

    def project(self, x: TensorValue) -> TensorValue:
        q_heads, kv_heads = self.config.num_attention_heads, self.config.num_key_value_heads
        qkv = super().project(x).reshape((-1, q_heads + 2 * kv_heads, self.config.head_dim))
        q, k, v = ops.split(qkv, [q_heads, kv_heads, kv_heads], axis=1)
        normed = ops.concat([self.q_norm(q), self.k_norm(k), v], axis=1)
        return normed.reshape((-1, (q_heads + 2 * kv_heads) * self.config.head_dim))
