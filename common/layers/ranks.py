# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensor parallelism (Shoeybi et al. 2019, arXiv:1909.08053) of any decoder, without its help.

A rank is the same decoder, built from the config of a device: its heads, its columns of the MLPs,
its tokens. Where the shape of a weight differs between the whole and the rank, the weight is cut;
where a part of a block holds a cut weight, its output is summed over the ranks.
"""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from max.graph import BufferValue, DeviceRef, ShardingStrategy, TensorValue, Weight, ops
from max.nn.kv_cache import PagedCacheValues
from max.nn.layer import Module
from max.nn.linear import Linear
from max.nn.norm import LayerNorm, RMSNorm
from max.nn.transformer.distributed_transformer import distributed_logits_postprocess

from common.config import span
from common.errors import PortError

from .step import Step

if TYPE_CHECKING:
    from .decoder import Decoder


class PerRank(tuple[Any, ...]):
    """A value of each rank; what is added or multiplied is so rank by rank."""

    __slots__ = ()

    def _with(self, combine: Callable[[Any, Any], Any], other: Any) -> PerRank:
        others = other if isinstance(other, PerRank) else (other,) * len(self)
        return PerRank(combine(a, b) for a, b in zip(self, others, strict=True))

    def __add__(self, other: Any) -> PerRank:
        return self._with(operator.add, other)

    def __mul__(self, other: Any) -> PerRank:
        return self._with(operator.mul, other)

    __radd__, __rmul__ = __add__, __mul__


class Each:
    """The parts of all ranks that stand in one place, called as one.

    Args:
        parts: A part of each rank.
        finish: What is done with the outputs of all.
    """

    def __init__(
        self, parts: Sequence[Any], finish: Callable[[PerRank], PerRank] | None = None
    ) -> None:
        self.parts, self.finish = parts, finish

    def __call__(self, *arguments: Any) -> PerRank:
        outputs = PerRank(
            part(*(a[rank] if isinstance(a, PerRank) else a for a in arguments))
            for rank, part in enumerate(self.parts)
        )
        return self.finish(outputs) if self.finish else outputs

    def __getattr__(self, name: str) -> Each:
        return Each([getattr(part, name) for part in self.parts])


@dataclass(frozen=True)
class Collectives:
    """What ranks tell each other; the only place that knows how.

    On devices of their own they use MAX's collectives. Ranks on one device, which is how a proof
    runs without several, add and join by themselves.

    Attributes:
        devices: The ranks' devices.
        signals: A buffer for each, if they are devices of their own.
    """

    devices: Sequence[DeviceRef]
    signals: Sequence[BufferValue]

    def total(self, parts: PerRank) -> PerRank:
        """Returns the sum of all, for each."""
        if self.signals:
            return PerRank(ops.allreduce.sum(list(parts), self.signals))
        return PerRank([functools.reduce(operator.add, parts)] * len(parts))

    def joined(self, parts: PerRank) -> PerRank:
        """Returns all, side by side in the last dimension, for each."""
        if self.signals:
            return PerRank(ops.allgather(list(parts), self.signals, axis=-1))
        return PerRank([ops.concat(list(parts), axis=-1)] * len(parts))

    def spread(self, value: TensorValue) -> PerRank:
        """Returns the first rank's value, for each."""
        if self.signals:
            return PerRank(ops.distributed_broadcast(value, self.signals))
        return PerRank([value] * len(self.devices))


def signalled(devices: Sequence[DeviceRef]) -> bool:
    """Whether ranks on these devices need buffers to signal each other with."""
    return len(set(devices)) > 1


def starts_of(whole: int, widths: Sequence[int]) -> list[int]:
    """Returns where each rank's share of a dimension begins.

    Args:
        whole: The dimension's size.
        widths: How much of it each rank has: all of it between them, or as much each of fewer
            key-value heads than there are ranks. Then a head is on several, next to each other,
            where the queries are that attend to it.
    """
    count = len(widths)
    if sum(widths) == whole:
        return [sum(widths[:rank]) for rank in range(count)]
    pieces = whole // widths[0]
    return [rank * pieces // count * widths[0] for rank in range(count)]


def _own_weights(module: Module) -> dict[str, Weight]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Weight)}


def _walk(module: Module, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Module]]:
    yield path, module
    for name, child in module.sublayers.items():
        yield from _walk(child, (*path, name))


class Ranks:
    """A decoder's ranks, each with its share of the decoder's weights.

    Args:
        decoder: The whole, whose weights are loaded and checked, and never computed with.

    Raises:
        PortError: If a part cannot be divided.
    """

    def __init__(self, decoder: Decoder[Any]) -> None:
        self.whole = decoder
        self.devices: list[DeviceRef] = decoder.config.devices
        count = len(self.devices)
        self.ranks = [type(decoder)(decoder.config.rank(rank)) for rank in range(count)]
        #: Where modules with a cut weight stand.
        self.cut: set[tuple[str, ...]] = set()
        self._divide()

    def _divide(self) -> None:
        places = [dict(_walk(rank)) for rank in self.ranks]
        shared: dict[int, tuple[int | None, Sequence[Weight]]] = {}
        for path, module in _walk(self.whole):
            for name, weight in _own_weights(module).items():
                parts = [_own_weights(place[path])[name] for place in places]
                if id(weight) not in shared:  # A tied head has the embedding's.
                    shared[id(weight)] = self._shards(weight, parts, module, path)
                axis, shards = shared[id(weight)]
                for place, shard in zip(places, shards, strict=True):
                    # Not through the module, which would register it under another name.
                    place[path].__dict__[name] = shard
                if axis is not None:
                    self.cut.add(path)
        for path, module in _walk(self.whole):
            if isinstance(module, Linear) and shared[id(module.weight)][0] == 1:
                self._bias_once([place[path] for place in places])

    @staticmethod
    def _bias_once(parts: Sequence[Module]) -> None:
        """Leaves the bias of a layer whose outputs are summed to the first rank."""
        for part in parts[1:]:
            part.__dict__["bias"] = None

    def _shards(
        self, weight: Weight, parts: Sequence[Weight], module: Module, path: tuple[str, ...]
    ) -> tuple[int | None, Sequence[Weight]]:
        """Cuts a weight where its shape and its parts' differ; returns the axis and the shards."""
        whole = [int(size) for size in weight.shape]
        sizes = [[int(size) for size in part.shape] for part in parts]
        axes = [i for i, size in enumerate(whole) if any(part[i] != size for part in sizes)]
        count, place = len(parts), ".".join(path)
        if not axes:
            weight.sharding_strategy = ShardingStrategy.replicate(count)
            return None, weight.shard(self.devices)
        if len(axes) > 1:
            raise PortError(f"{place} cannot be divided: ranks differ in {len(axes)} dimensions")
        if isinstance(module, RMSNorm | LayerNorm):
            raise PortError(
                f"{place} normalises over all heads, which several devices do not have together;"
                " serve it on one"
            )
        (axis,) = axes
        widths = [part[axis] for part in sizes]
        starts = starts_of(whole[axis], widths)

        def cut(value: Weight, rank: int, _: int) -> TensorValue:
            index = [slice(None)] * len(whole)
            index[axis] = slice(starts[rank], starts[rank] + widths[rank])
            return TensorValue(value)[tuple(index)]

        weight.sharding_strategy = ShardingStrategy(count, cut)
        return axis, weight.shard(self.devices)

    def _as_one(self, module: Module, path: tuple[str, ...], tell: Collectives) -> Any:
        """A module whose children are those of all ranks, and whose code runs once."""
        one, names = copy.copy(module), list(module.sublayers)
        for name in names:
            child = (*path, name)
            parts = [functools.reduce(_child, child, rank) for rank in self.ranks]
            cut = any(place[: len(child)] == child for place in self.cut)
            one.__dict__[name] = Each(parts, tell.total if cut else None)
        return one

    def __call__(
        self,
        tokens: TensorValue,
        caches: Sequence[PagedCacheValues],
        return_n_logits: TensorValue,
        input_row_offsets: TensorValue,
        signals: Sequence[BufferValue],
    ) -> tuple[TensorValue, ...]:
        """As :meth:`common.layers.Decoder.__call__`, with a cache for each rank.

        Args:
            tokens: ``[tokens]`` int64, on the first device, as all that follows but the caches.
            caches: Each rank's paged KV cache, with its heads.
            return_n_logits: ``[1]`` int64.
            input_row_offsets: ``[batch + 1]`` uint32.
            signals: A buffer for each device; empty where all ranks are on one.
        """
        config, tell = self.whole.config, Collectives(self.devices, signals)
        offsets = tell.spread(input_row_offsets)
        steps = PerRank(map(Step, caches, offsets))
        # Its code runs once, on values of all ranks.
        whole: Any = copy.copy(self.whole)
        for name in whole.sublayers.keys() - {"layers", "norm", "lm_head"}:
            whole.__dict__[name] = Each([getattr(rank, name) for rank in self.ranks])
        lookups = [_lookup(self.whole, rank, i) for i, rank in enumerate(self.ranks)]
        whole.__dict__["embed_tokens"] = Each(lookups, tell.total)
        h = whole.embed(tell.spread(tokens), steps)
        for i, layer in enumerate(self.whole.layers):
            h = self._as_one(layer, ("layers", str(i)), tell)(h, steps)

        def head(hidden: list[TensorValue], _: Sequence[BufferValue]) -> Sequence[TensorValue]:
            return tell.joined(Each([rank.lm_head for rank in self.ranks])(PerRank(hidden)))

        return distributed_logits_postprocess(
            list(h),
            list(offsets),
            return_n_logits,
            lm_head=head,
            signal_buffers=signals,
            return_logits=config.return_logits,
            device=self.devices[0],
            norm_shards=[rank.norm for rank in self.ranks],
        )


def _child(module: Module, name: str) -> Module:
    return module.sublayers[name]


def _lookup(
    whole: Decoder[Any], rank: Decoder[Any], number: int
) -> Callable[[TensorValue], TensorValue]:
    """The embedding of a rank's tokens, and zeros for those of others."""
    first, end = span(whole.config.vocab_size, number, len(whole.config.devices))

    def embed(tokens: TensorValue) -> TensorValue:
        here = tokens - first
        count = ops.constant(end - first, here.dtype, device=here.device)
        zero = ops.constant(0, here.dtype, device=here.device)
        inside = ops.logical_and(here >= zero, count > here)
        found = rank.embed_tokens(ops.where(inside, here, zero))
        return found * ops.unsqueeze(inside, 1).cast(found.dtype)

    return embed
