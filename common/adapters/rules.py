# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""The rules of a weight map: each takes one named tensor and yields what becomes of it.

Rules match whole names, never substrings: ``attention.bias`` (a mask buffer) is also part of
``attention.dense.bias``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from max.driver import Buffer
from max.dtype import DType
from max.graph.weights import WeightData

from common.config import RopeParameters

Named = tuple[str, WeightData]

_BITS = {1: DType.uint8, 2: DType.uint16, 4: DType.uint32, 8: DType.uint64}


class Rule(Protocol):
    """Turns one tensor into none, one or several, each with its new name."""

    def __call__(self, name: str, data: WeightData) -> Iterator[Named]: ...


def take_rows(data: WeightData, rows: npt.NDArray[np.int64]) -> WeightData:
    """Returns the given rows of a tensor, in that order, whatever its dtype.

    Rows move as bits of the same width, since numpy has no bfloat16 or float8.

    Args:
        data: A tensor ``[n, ...]``.
        rows: Row numbers ``[m]``.
    """
    bits = Buffer.from_dlpack(data.data).view(_BITS[data.dtype.size_in_bytes]).to_numpy()
    taken = Buffer.from_numpy(np.ascontiguousarray(bits[rows])).view(data.dtype)
    return WeightData(taken, data.name, data.dtype, type(data.shape)(taken.shape))


@dataclass(frozen=True)
class Rename:
    """Names a tensor whose whole name matches ``pattern`` as ``to``, with ``\\1`` for captures."""

    pattern: str
    to: str

    def __call__(self, name: str, data: WeightData) -> Iterator[Named]:
        match = re.fullmatch(self.pattern, name)
        yield (match.expand(self.to) if match else name, data)


@dataclass(frozen=True)
class Drop:
    """Leaves out a tensor whose whole name matches ``pattern``, for a ``reason``."""

    pattern: str
    reason: str

    def __call__(self, name: str, data: WeightData) -> Iterator[Named]:
        if not re.fullmatch(self.pattern, name):
            yield name, data


@dataclass(frozen=True)
class SplitInterleavedQKV:
    """Splits a fused projection whose rows are ``[q_h | k_h | v_h]`` head after head.

    Layout of GPT-NeoX (transformers/models/gpt_neox/modeling_gpt_neox.py:214-215).

    Attributes:
        pattern: The fused tensor's whole name; its captures are available to ``to``.
        to: The name of a part, with ``{}`` for ``q``, ``k`` and ``v``.
        num_heads: Attention heads.
        head_dim: Columns of a head.
    """

    pattern: str
    to: str
    num_heads: int
    head_dim: int

    def __call__(self, name: str, data: WeightData) -> Iterator[Named]:
        match = re.fullmatch(self.pattern, name)
        if not match:
            yield name, data
            return
        rows = np.arange(self.num_heads * 3 * self.head_dim)
        parts = rows.reshape(self.num_heads, 3, self.head_dim)
        for index, part in enumerate("qkv"):
            yield match.expand(self.to.format(part)), take_rows(data, parts[:, index].reshape(-1))


@dataclass(frozen=True)
class CanonicalRope:
    """Reorders the rows of q_proj and k_proj so that one split-half rotation serves.

    The kernel rotates column j of a head with column j + head_dim / 2. A checkpoint that pairs
    2j with 2j + 1 (interleaved), or that rotates only its leading columns (partial), is the same
    function once its rows are permuted within each head and the pass-through pairs have
    frequency 0 (:meth:`common.config.RopeParameters.frequencies`): q and k move alike, so every
    dot product stays what it was.

    Attributes:
        rope: The rotation; says how many columns of a head rotate.
        interleaved: Whether the checkpoint pairs neighbouring columns.
        pattern: Whole names of the tensors that produce q and k.
    """

    rope: RopeParameters
    interleaved: bool = False
    pattern: str = r"layers\.\d+\.self_attn\.[qk]_proj\.(weight|bias)"

    def order(self) -> npt.NDArray[np.int64]:
        """Returns ``[head_dim]``: the checkpoint's column for each column of the kernel."""
        half, rotary = self.rope.head_dim // 2, self.rope.rotary_dim
        columns = np.arange(rotary)
        pairs = columns.reshape(-1, 2).T if self.interleaved else columns.reshape(2, -1)
        rest = np.arange(rotary, self.rope.head_dim).reshape(2, -1)
        order = np.concatenate([pairs, rest], axis=1)
        assert order.shape == (2, half)
        return order.reshape(-1)

    def __call__(self, name: str, data: WeightData) -> Iterator[Named]:
        if re.fullmatch(self.pattern, name):
            heads = int(data.shape[0]) // self.rope.head_dim
            starts = np.arange(heads)[:, None] * self.rope.head_dim
            data = take_rows(data, (starts + self.order()).reshape(-1))
        yield name, data
