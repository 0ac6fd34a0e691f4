# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rules of a weight map that change a tensor's shape or the order of what is in it.

A checkpoint may fuse, stack, transpose or permute what a graph wants apart or otherwise.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from max.dtype import DType

from common.config import RopeParameters
from common.errors import PortError

from .rules import Matching, Rename, Rule
from .tensor import Array, Tensor, bits, of_bits

Rows = slice | npt.NDArray[np.int64]


def _count(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _take_rows(tensor: Tensor, rows: Rows, step: str, name: str = "") -> Tensor:
    return tensor.moved((_count(rows), *tensor.shape[1:]), lambda a: a[rows], step, name)


@dataclass(frozen=True)
class Split(Matching):
    """Splits it by rows into the named parts of ``to``, such as ``{}_proj`` for q, k and v."""

    to: str

    @abstractmethod
    def parts(self, rows: int) -> dict[str, Rows]:
        """Returns which of the rows belong to each part."""

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterator[Tensor]:
        parts = self.parts(tensor.shape[0])
        taken = sum(map(_count, parts.values()))
        if taken != tensor.shape[0]:
            raise PortError(
                f"checkpoint tensor {tensor.source} has {tensor.shape[0]} rows;"
                f" {self.step} expects {taken}"
            )
        for part, rows in parts.items():
            yield _take_rows(tensor, rows, self.step, match.expand(self.to.format(part)))


@dataclass(frozen=True)
class SplitGateUp(Split):
    """Splits ``gate | up`` in halves; by default, the fused projection of an MLP."""

    pattern: str = r"(layers\.\d+\.mlp)\.gate_up_proj\.(.*)"
    to: str = r"\1.{}_proj.\2"

    def parts(self, rows: int) -> dict[str, Rows]:
        return {"gate": slice(0, rows // 2), "up": slice(rows // 2, rows // 2 * 2)}


@dataclass(frozen=True, kw_only=True)
class SplitQKV(Split):
    """Splits ``q | k | v``; with one key-value head it is the multi-query layout.

    Attributes:
        pattern: The fused projection; by default, what port and GGUF maps name it.
        to: Names the parts, with ``{}`` for q, k and v.
        num_heads: Query heads.
        num_kv_heads: Key-value heads.
        head_dim: Rows of a head.
    """

    pattern: str = r"(layers\.\d+\.self_attn)\.qkv_proj\.(.*)"
    to: str = r"\1.{}_proj.\2"
    num_heads: int
    num_kv_heads: int
    head_dim: int

    def parts(self, rows: int) -> dict[str, Rows]:
        q, kv = self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim
        return {"q": slice(0, q), "k": slice(q, q + kv), "v": slice(q + kv, q + 2 * kv)}


@dataclass(frozen=True, kw_only=True)
class SplitGroupedQKV(SplitQKV):
    """Splits groups of ``q heads of the group | k | v``, one for each key-value head.

    Layout of Falcon (transformers/models/falcon/modeling_falcon.py, ``_split_heads``), and with a
    query head a group of GPT-NeoX (gpt_neox/modeling_gpt_neox.py:214-215).
    """

    def parts(self, rows: int) -> dict[str, Rows]:
        group = self.num_heads // self.num_kv_heads
        rows_of = np.arange(self.num_kv_heads * (group + 2) * self.head_dim)
        heads = rows_of.reshape(self.num_kv_heads, group + 2, self.head_dim)
        return {
            "q": heads[:, :group].reshape(-1),
            "k": heads[:, group].reshape(-1),
            "v": heads[:, group + 1].reshape(-1),
        }


@dataclass(frozen=True)
class Transpose(Matching):
    """Swaps its last two dimensions, as Conv1D of GPT-2 stores them."""

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        shape = (*tensor.shape[:-2], tensor.shape[-1], tensor.shape[-2])
        return [tensor.moved(shape, lambda a: a.swapaxes(-1, -2), self.step)]


@dataclass(frozen=True)
class Reshape(Matching):
    """Gives it ``shape``; the elements keep their order."""

    shape: tuple[int, ...]

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        if np.prod(self.shape) != np.prod(tensor.shape):
            raise PortError(
                f"checkpoint tensor {tensor.source} has shape {list(tensor.shape)};"
                f" it cannot be {list(self.shape)}"
            )
        return [tensor.moved(self.shape, lambda a: a.reshape(self.shape), self.step)]


@dataclass(frozen=True)
class SliceRows(Matching):
    """Keeps its first ``rows`` rows, such as those of a padded vocabulary. Copies nothing."""

    rows: int

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        if tensor.shape[0] < self.rows:
            raise PortError(
                f"checkpoint tensor {tensor.source} has {tensor.shape[0]} rows;"
                f" {self.rows} are needed"
            )
        return [_take_rows(tensor, slice(0, self.rows), self.step)]


@dataclass(frozen=True)
class Unstack(Matching):
    """Splits ``[n, ...]`` into n tensors named ``to``, with ``{}`` for the number."""

    to: str

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterator[Tensor]:
        for i in range(tensor.shape[0]):
            name = match.expand(self.to.format(i))
            yield tensor.moved(tensor.shape[1:], lambda a, i=i: a[i], self.step, name)  # type: ignore[misc]


@dataclass(frozen=True)
class Stack:
    """Stacks the tensors that ``pattern`` numbers in its group ``i`` into one, named ``to``.

    Attributes:
        pattern: A whole name, with the number as ``(?P<i>\\d+)``; by default, the experts'.
        to: The name of the stack, with ``\\1`` for captures, of which the number is one.
        count: How many there must be; if None, as many as the last number says.
    """

    pattern: str = r"(layers\.\d+\.mlp\.experts)\.(?P<i>\d+)\.(.*)"
    to: str = r"\1.\3"
    count: int | None = None

    def apply(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Returns the tensors with each numbered family replaced by its stack."""
        regex = re.compile(self.pattern)
        passed: list[Tensor] = []
        families: dict[str, dict[int, Tensor]] = defaultdict(dict)
        for tensor in tensors:
            match = None if tensor.dropped else regex.fullmatch(tensor.name)
            if match:
                families[match.expand(self.to)][int(match["i"])] = tensor
            else:
                passed.append(tensor)
        return passed + [self._stack(name, family) for name, family in families.items()]

    def _stack(self, name: str, family: dict[int, Tensor]) -> Tensor:
        last = max(family)
        count = self.count or last + 1
        if missing := set(range(count)) - set(family):
            raise PortError(
                f"the checkpoint has no tensor for parameter {name}, number {min(missing)}"
                f" of {count} (number {last}: {family[last].source})"
            )
        if last >= count:
            raise PortError(
                f"checkpoint tensor {family[last].source} is number {last} of {name},"
                f" which has {count}"
            )
        members = [family[i] for i in range(count)]
        if len({member.dtype for member in members}) > 1 and all(
            member.dtype.is_float() for member in members
        ):
            # A merge leaves experts in several dtypes; float32 holds the values of each.
            members = [member.cast(DType.float32, "Stack") for member in members]
        first = members[0]
        for member in members:
            if (member.shape, member.dtype) != (first.shape, first.dtype):
                raise PortError(
                    f"checkpoint tensor {member.source} is {member.dtype} {list(member.shape)};"
                    f" {first.source}, stacked with it, is {first.dtype} {list(first.shape)}"
                )
        return Tensor(
            name,
            (len(members), *first.shape),
            first.dtype,
            lambda: of_bits(np.stack([bits(m.read()) for m in members]), first.dtype, name),
            tuple(origin for member in members for origin in member.origin),
            (*first.steps, "Stack"),
        )


@dataclass(frozen=True)
class SplitStackedGateUp(Matching):
    """Splits ``gate | up`` of stacked experts, ``[experts, 2 * width, hidden_size]``, in halves."""

    pattern: str = r"(layers\.\d+\.mlp\.experts)\.gate_up_proj"
    to: str = r"\1.{}_proj.weight"

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterator[Tensor]:
        experts, rows, *columns = tensor.shape
        shape = (experts, rows // 2, *columns)
        for part, start in (("gate", 0), ("up", rows // 2)):
            half = partial(_of_each, rows=slice(start, start + rows // 2))
            yield tensor.moved(shape, half, self.step, match.expand(self.to.format(part)))


def _of_each(stack: Array, *, rows: slice) -> Array:
    return stack[:, rows]


def expert_layouts(count: int) -> tuple[Rule, ...]:
    """Returns the rules for a layer's experts in the layouts that checkpoints have.

    Released ones hold a tensor for each expert; transformers computes with stacks, gate and up in
    one, and saves those if asked to (``save_pretrained(save_original_format=False)``).
    """
    down = Rename(r"(layers\.\d+\.mlp\.experts\.down_proj)", r"\1.weight")
    return (Stack(count=count), SplitStackedGateUp(), down)


@dataclass(frozen=True, kw_only=True)
class CanonicalRope(Matching):
    """Reorders the rows of q and k so that one split-half rotation serves.

    The kernel rotates column j of a head with column j + head_dim / 2. A checkpoint that pairs
    2j with 2j + 1 (interleaved), that rotates only its leading columns (partial), or that rotates
    the other way (flipped) is the same function once its rows are permuted within each head and
    the pass-through pairs have frequency 0 (:meth:`common.config.RopeParameters.frequencies`): q
    and k move alike, so every dot product stays what it was. Norms over a head move with them.

    Attributes:
        rope: The rotation; says how many columns of a head rotate.
        interleaved: Whether the checkpoint pairs neighbouring columns.
        flipped: Whether it rotates by the negated angle, as NanoChat's rotate_half does.
    """

    rope: RopeParameters
    interleaved: bool = False
    flipped: bool = False
    pattern: str = r"layers\.\d+\.self_attn\.[qk]_(proj|norm)\.(weight|bias)"

    def order(self) -> npt.NDArray[np.int64]:
        """Returns ``[head_dim]``: the checkpoint's column for each column of the kernel."""
        rotary = self.rope.rotary_dim
        columns = np.arange(rotary)
        pairs = columns.reshape(-1, 2).T if self.interleaved else columns.reshape(2, -1)
        # Rotating (a, b) by -t is rotating (b, a) by t.
        pairs = pairs[::-1] if self.flipped else pairs
        rest = np.arange(rotary, self.rope.head_dim).reshape(2, -1)
        return np.concatenate([pairs, rest], axis=1).reshape(-1)

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        # A norm may hold a row for each head; in it, as in a vector, columns come last.
        axis = -1 if "_norm." in tensor.name else 0
        heads, over = divmod(tensor.shape[axis], self.rope.head_dim)
        if over:
            raise PortError(
                f"checkpoint tensor {tensor.source} has {tensor.shape[axis]}"
                f" {'columns' if axis else 'rows'}, which are not whole heads of"
                f" {self.rope.head_dim}"
            )
        starts = np.arange(heads)[:, None] * self.rope.head_dim
        order = (starts + self.order()).reshape(-1)
        return [tensor.moved(tensor.shape, lambda a: a.take(order, axis), self.step)]
