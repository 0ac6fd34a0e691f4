# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rules of a weight map: small values that say what becomes of the tensors they match.

Rules match whole names, never substrings: ``attention.bias`` (a mask buffer) is also part of
``attention.dense.bias``. They work on descriptions and read nothing; what they change is
read later, one tensor at a time. Those that change a shape or an order are elsewhere; these keep
both.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from max.dtype import DType

from common.errors import PortError

from .tensor import Array, Tensor, UnreadError


class Rule(Protocol):
    """Takes all tensors, and returns what they become."""

    def apply(self, tensors: Sequence[Tensor]) -> list[Tensor]: ...


@dataclass(frozen=True)
class Matching(ABC):
    """A rule for each tensor whose whole name matches ``pattern``; the others pass."""

    pattern: str

    def apply(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Returns the tensors with each match replaced by what :meth:`take` makes of it."""
        regex = re.compile(self.pattern)
        made: list[Tensor] = []
        for tensor in tensors:
            match = None if tensor.dropped else regex.fullmatch(tensor.name)
            made += self.take(tensor, match) if match else [tensor]
        return made

    @abstractmethod
    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        """Returns what becomes of a matching tensor."""

    @property
    def step(self) -> str:
        """The rule's name, for reports."""
        return type(self).__name__


@dataclass(frozen=True)
class Rename(Matching):
    """Names it ``to``, with ``\\1`` for captures. Copies nothing."""

    to: str

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        return [tensor.renamed(match.expand(self.to), self.step)]


@dataclass(frozen=True)
class RenameParts:
    """Strips a leading ``prefix.``, and renames runs of whole dotted parts. Copies nothing.

    ``{"attention.dense": "self_attn.o_proj"}`` takes ``0.attention.dense.bias``, and neither
    ``attention.dense_h`` nor ``attention.0.dense``.

    Attributes:
        prefix: What all names may start with.
        parts: The checkpoint's runs, each with the graph's.
        newer: Those of the graph's that newer checkpoints use themselves. Another's is refused: the
            reference does not know the tensor, and would load the model without it.
    """

    prefix: str
    parts: Mapping[str, str] = field(default_factory=dict)
    newer: tuple[str, ...] = ()

    def apply(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Returns the tensors renamed; those that it does not concern pass.

        Raises:
            PortError: If one has the graph's name already.
        """
        theirs = _runs(self.parts)
        ours = _runs({*self.parts.values()} - {*self.parts, *self.newer})
        made: list[Tensor] = []
        for tensor in tensors:
            if tensor.dropped:
                made.append(tensor)
                continue
            name = tensor.name.removeprefix(self.prefix + ".")
            if known := ours and ours.search(name):
                said = next(run for run, to in self.parts.items() if to == known[0])
                raise PortError(
                    f"checkpoint tensor {tensor.source} says {known[0]} where checkpoints of this"
                    f" architecture say {said}; transformers would not load it"
                )
            if theirs:
                name = theirs.sub(lambda match: self.parts[match[0]], name)
            same = name == tensor.name
            made.append(tensor if same else tensor.renamed(name, type(self).__name__))
        return made


def _runs(runs: Collection[str]) -> re.Pattern[str] | None:
    """Returns what finds any of the runs of whole dotted parts, the longest first."""
    listed = "|".join(re.escape(run) for run in sorted(runs, key=len, reverse=True))
    return re.compile(rf"(?<![^.])(?:{listed})(?![^.])") if listed else None


@dataclass(frozen=True)
class Tie(Rename):
    """Gives it a second name, ``to``. Copies nothing."""

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        return [tensor, *super().take(tensor, match)]


@dataclass(frozen=True)
class Drop(Matching):
    """Leaves it out, for a ``reason``."""

    reason: str

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        return [tensor.left_out(self.reason)]


@dataclass(frozen=True)
class Cast(Matching):
    """Casts floating-point tensors to ``dtype``; others, such as packed integers, keep theirs.

    Attributes:
        dtype: Which to cast to.
        source: Which to cast from; any floating-point dtype if None.
        keep: Names that keep their dtype whatever it is: biases and scales, unless said otherwise.
    """

    dtype: DType
    source: DType | None = None
    keep: str | None = r".*(bias|scales?)"

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        kept = self.keep is not None and re.fullmatch(self.keep, tensor.name)
        source = self.source or (tensor.dtype if tensor.dtype.is_float() else self.dtype)
        if kept or tensor.dtype == self.dtype or tensor.dtype != source:
            return [tensor]
        return [tensor.cast(self.dtype, self.step)]


@dataclass(frozen=True)
class Add(Matching):
    """Adds ``value`` to floating-point tensors, which are float32 from then on.

    For what a converter has folded into a weight and a graph adds by itself.
    """

    value: float

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        if not tensor.dtype.is_float():
            return [tensor]

        def added(array: Array) -> Array:
            return (array.view(np.float32) + np.float32(self.value)).view(np.uint32)

        return [tensor.cast(DType.float32, self.step).moved(tensor.shape, added, self.step)]


@dataclass(frozen=True)
class TiedHead:
    """Ties head and embedding as transformers does, by what a checkpoint holds.

    A head with the embedding's values is left out, one with values of its own stays, and one that
    comes without an embedding is the embedding (``modeling_utils.tie_weights``).
    """

    head: str = "lm_head.weight"
    embedding: str = "embed_tokens.weight"

    def apply(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Returns the tensors with the head tied, or as they are."""
        kept = {tensor.name: tensor for tensor in tensors if not tensor.dropped}
        head, embedding = kept.get(self.head), kept.get(self.embedding)
        if head is None or (embedding and not self._same(head, embedding)):
            return list(tensors)
        tied = (
            head.left_out(f"tied to {self.embedding}")
            if embedding
            else head.renamed(self.embedding, type(self).__name__)
        )
        return [tied if tensor is head else tensor for tensor in tensors]

    @staticmethod
    def _same(head: Tensor, embedding: Tensor) -> bool:
        try:
            return embedding.equals(head)
        except UnreadError:
            # From headers alone there is only the config's word.
            return True
