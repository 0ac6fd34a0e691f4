# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A tensor on its way from a checkpoint into a graph: described now, read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from max.driver import Buffer
from max.dtype import DType
from max.graph.type import Shape
from max.graph.weights import WeightData

#: Elements move as bits of their width, since numpy has no bfloat16 or float8.
_BITS = {1: DType.uint8, 2: DType.uint16, 4: DType.uint32, 8: DType.uint64}

Array = npt.NDArray[np.generic]


class UnreadError(RuntimeError):
    """Values are asked for of a checkpoint that is known by its headers, as on the Hub."""


@dataclass(frozen=True)
class Tensor:
    """What a weight map knows of a tensor before, and after, each rule.

    Attributes:
        name: Its name so far.
        shape: Its shape so far.
        dtype: Its dtype so far.
        read: Reads it and applies the rules so far; nothing is opened before.
        origin: The checkpoint's names that it comes from.
        steps: The rules that took it.
        dropped: Why it is left out, if it is.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    read: Callable[[], WeightData]
    origin: tuple[str, ...]
    steps: tuple[str, ...] = ()
    dropped: str | None = None

    @classmethod
    def of(cls, name: str, data: WeightData) -> Tensor:
        """Describes a tensor at hand, whose data says which checkpoint tensor it was."""
        shape = tuple(int(dim) for dim in data.shape)
        described = cls(name, shape, data.dtype, lambda: data, (data.name,))
        if data.data.shape == shape:
            return described
        # GGUF has no array type for bfloat16, and hands out bytes.
        return replace(described, read=lambda: of_bits(bits(data), data.dtype, data.name))

    @property
    def source(self) -> str:
        """The checkpoint's names, for messages: a person knows no other."""
        return ", ".join(self.origin)

    def renamed(self, name: str, step: str) -> Tensor:
        """Returns it under another name; shares the data."""
        return replace(self, name=name, steps=(*self.steps, step))

    def left_out(self, reason: str) -> Tensor:
        """Returns it marked as dropped."""
        return replace(self, dropped=reason)

    def cast(self, dtype: DType, step: str) -> Tensor:
        """Returns it in another dtype."""
        return replace(
            self,
            dtype=dtype,
            read=lambda: self.read().astype(dtype),
            steps=(*self.steps, step),
        )

    def equals(self, other: Tensor) -> bool:
        """Whether the two hold the same values, once they are of one dtype; reads both."""
        if self.shape != other.shape:
            return False
        dtype = self.dtype if self.dtype == other.dtype else DType.float32
        ours, theirs = (bits(each.cast(dtype, "").read()) for each in (self, other))
        return np.array_equal(ours, theirs)

    def moved(
        self, shape: tuple[int, ...], move: Callable[[Array], Array], step: str, name: str = ""
    ) -> Tensor:
        """Returns it with its elements moved by ``move``, which must give ``shape``.

        A move that keeps elements in a row in memory, such as a slice of rows, copies nothing.
        """

        def read() -> WeightData:
            return of_bits(move(bits(self.read())), self.dtype, self.source)

        steps = (*self.steps, step)
        return replace(self, name=name or self.name, shape=shape, read=read, steps=steps)


def bits(data: WeightData) -> Array:
    """Returns a tensor's elements as unsigned integers of their width, without a copy."""
    return Buffer.from_dlpack(data.data).view(_BITS[data.dtype.size_in_bytes]).to_numpy()


def of_bits(array: Array, dtype: DType, name: str) -> WeightData:
    """Returns the tensor whose elements are the bits of ``array``; copies if they are scattered."""
    buffer = Buffer.from_numpy(np.ascontiguousarray(array)).view(dtype)
    return WeightData(buffer, name, dtype, Shape(array.shape))
