# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which earlier positions a token sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from max.dtype import DType
from max.graph import TensorValue, ops
from max.nn.attention import MHAMaskVariant


class Mask(Protocol):
    """A mask, in the form of the fused kernel and as plain ops."""

    @property
    def variant(self) -> MHAMaskVariant:
        """The kernel's name for the mask."""

    @property
    def local_window_size(self) -> int:
        """The kernel's window, in tokens; -1 for none."""

    def fused(self, q: TensorValue) -> bool:
        """Whether the fused kernel compiles with this mask for such queries, on their device."""

    def visible(self, distance: TensorValue) -> TensorValue:
        """Returns a bool mask from ``distance`` = query position - key position (int64)."""


@dataclass(frozen=True)
class Causal:
    """A token sees itself and everything before it."""

    variant: ClassVar[MHAMaskVariant] = MHAMaskVariant.CAUSAL_MASK
    local_window_size: ClassVar[int] = -1

    def fused(self, q: TensorValue) -> bool:
        return True

    def visible(self, distance: TensorValue) -> TensorValue:
        return distance >= ops.constant(0, DType.int64, device=distance.device)


@dataclass(frozen=True)
class SlidingWindow:
    """A token sees itself and the ``window - 1`` tokens before it."""

    #: MAX 26.7.0 wants a window of at least the elements that its CPU kernel takes at a time
    #: (mha_mask.mojo:1270), in float32 this many. With 16 its compiler runs out of memory (over
    #: 14 GB).
    SMALLEST_ON_CPU: ClassVar[int] = 128

    window: int
    variant: ClassVar[MHAMaskVariant] = MHAMaskVariant.SLIDING_WINDOW_CAUSAL_MASK

    @property
    def local_window_size(self) -> int:
        return self.window

    def fused(self, q: TensorValue) -> bool:
        return not q.device.is_cpu() or self.window >= self.SMALLEST_ON_CPU

    def visible(self, distance: TensorValue) -> TensorValue:
        below = ops.constant(self.window, DType.int64, device=distance.device) > distance
        return ops.logical_and(Causal().visible(distance), below)
