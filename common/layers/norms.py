# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Norms over the columns of a head."""

from __future__ import annotations

from max.dtype import DType
from max.graph import TensorValue, Weight, ops
from max.nn.layer import Module

from common.config import DecoderConfig


class HeadLayerNorm(Module):
    """LayerNorm of each head by itself, with a weight of its own for each.

    Weights: ``weight``, ``[heads, head_dim]``; no bias.

    Args:
        config: The decoder's dimensions.
        heads: How many heads it takes.
    """

    def __init__(self, config: DecoderConfig, heads: int) -> None:
        super().__init__()
        self.eps = config.norm_eps
        self.weight = Weight("weight", config.dtype, (heads, config.head_dim), config.device)

    def __call__(self, x: TensorValue) -> TensorValue:
        """``[tokens, heads, head_dim]`` to the same; computes in float32."""
        centred = x.cast(DType.float32)
        centred = centred - ops.mean(centred, axis=-1)
        variance = ops.mean(centred * centred, axis=-1)
        normed = centred * ops.rsqrt(variance + self.eps)
        return (normed * self.weight.cast(DType.float32)).cast(x.dtype)
