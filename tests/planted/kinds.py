# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Single faults to plant in ports, by which the divergence hunt is judged.

Each says which tensor is the first wrong one, and the cause to be named.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from max.dtype import DType
from max.graph import ops
from max.nn.layer import Module

from common.adapters import WeightMap
from common.layers import (
    Attention,
    Head,
    PreNormBlock,
    RenormalizedRouter,
    attend,
    attention,
)
from common.layers.step import Step
from common.pipeline import DecoderModel


def rope_parameters(theta: float, **more: float) -> dict[str, float | str]:
    return {"rope_type": "default", "rope_theta": theta, **more}


#: Columns of a head in these fixtures.
HEAD_DIM = 32

#: Enters a fault; is given the class of the port's decoder.
Plant = Callable[[type], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: Says it.
        wrong: The tensors of which the first wrong one must be.
        cause: The cause to be named.
        graph: Patches what the graph is traced from.
        weights: Changes the graph's weights, by name, after the map made them.
        rules: Changes the port's weight map, which the reference's taps go by as well.
        decode: Whether the prompt is right.
    """

    name: str
    wrong: tuple[str, ...]
    cause: str
    graph: Plant | None = None
    weights: Callable[[dict[str, Any]], None] | None = None
    rules: Callable[[WeightMap, Any], WeightMap] | None = None
    decode: bool = False


def configured(change: Callable[[Any], Any]) -> Plant:
    create = DecoderModel._create_model_config

    def changed(model: DecoderModel, weights: dict[str, Any]) -> Any:
        return change(create(model, weights))

    return lambda port: mock.patch.object(DecoderModel, "_create_model_config", changed)


def config(**changes: Any) -> Plant:
    """The port reads its config otherwise."""
    return configured(lambda made: dataclasses.replace(made, **changes))


def rope(**changes: Any) -> Plant:
    """The port reads the parameters of the rotation otherwise."""
    return configured(
        lambda made: dataclasses.replace(
            made, rope_parameters=dataclasses.replace(made.rope, **changes)
        )
    )


def patched(owner: Any, name: str, value: Any) -> Plant:
    """A shared part is another."""
    return lambda port: mock.patch.object(owner, name, value)


def part(name: str, value: Any) -> Plant:
    """A method of the port's decoder is another."""
    return lambda port: mock.patch.object(port, name, value)


def named(name: str, value: Any) -> Plant:
    """The port's module means something else by a name."""
    return lambda port: mock.patch.object(sys.modules[port.__module__], name, value)


# Attention.


def attention_given(**changes: Any) -> Plant:
    start = Attention.__init__

    def changed(self: Any, config: Any, layer: int, **given: Any) -> None:
        start(self, config, layer, **(given | changes))

    return patched(Attention, "__init__", changed)


def other_softmax(of: Callable[[Any, Callable[[Any], Any]], Any]) -> Plant:
    """Attention by plain ops, with another softmax."""

    def attended(q: Any, step: Any, layer: int, kv: Any, mask: Any, scale: float) -> Any:
        plain = ops.softmax
        with mock.patch.object(ops, "softmax", lambda scores: of(scores, plain)):
            return attend.materialized_attention(q, step, layer, kv, mask, scale)

    return patched(attention, "attend", attended)


def capped(scores: Any, softmax: Callable[[Any], Any]) -> Any:
    hidden = scores < ops.constant(-1e29, DType.float32, device=scores.device)
    return softmax(ops.where(hidden, scores, 0.5 * ops.tanh(scores / 0.5)))


def sunk(scores: Any, softmax: Callable[[Any], Any]) -> Any:
    top = ops.max(scores, axis=-1)
    total = ops.sum(ops.exp(scores - top), axis=-1)
    return softmax(scores) * total / (total + ops.exp(1.0 - top))


def rounded(q: Any, step: Any, layer: int, kv: Any, mask: Any, scale: float) -> Any:
    """q loses half of its bits."""
    q = q.cast(DType.bfloat16).cast(q.dtype)
    return attend.materialized_attention(q, step, layer, kv, mask, scale)


start_step = Step.__init__


def late(self: Any, kv_collection: Any, *args: Any, **given: Any) -> None:
    """Decode believes the cache to hold one token less than it does."""
    lengths = kv_collection.cache_lengths
    one = ops.constant(1, lengths.dtype, device=lengths.device)
    fewer = ops.max(lengths, one) - one
    start_step(self, dataclasses.replace(kv_collection, cache_lengths=fewer), *args, **given)


# Rotations.


# Blocks, norms, MLPs and heads.


class SigmoidRouter(RenormalizedRouter):
    """Scores each expert by itself."""

    def scores(self, logits: Any) -> Any:
        return ops.sigmoid(logits)


class SkippedNorm(Module):
    """A norm that is not applied, though its weight is there."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight = norm.weight

    def __call__(self, x: Any) -> Any:
        return x * 1.0


class HalvedBlock(PreNormBlock):
    def __call__(self, x: Any, step: Any) -> Any:
        h = x + self.self_attn(self.input_layernorm(x), step) * 0.5
        return h + self.mlp(self.post_attention_layernorm(h))


class CappedHead(Head):
    def __call__(self, x: Any) -> Any:
        return ops.tanh(super().__call__(x) / 3.0) * 3.0


# Weights.


def exchange(first: str, second: str) -> Callable[[dict[str, Any]], None]:
    def change(weights: dict[str, Any]) -> None:
        weights[first], weights[second] = weights[second], weights[first]

    return change


def each(change: Callable[[Any], Any], *names: str) -> Callable[[dict[str, Any]], None]:
    def changed(weights: dict[str, Any]) -> None:
        for name in weights:
            if name.endswith(names):
                weights[name] = np.ascontiguousarray(change(weights[name]))

    return changed


def zeroed(weight: Any) -> Any:
    return weight * 0


def negated_rows(weight: Any) -> Any:
    rows = np.arange(len(weight))[:, None]
    return np.where((rows > 4) & (rows < 9), -weight, weight)


def turned_heads(weight: Any) -> Any:
    return weight.reshape(-1, HEAD_DIM, weight.shape[-1])[::-1].reshape(weight.shape)


def interleaved(weight: Any) -> Any:
    halves = weight.reshape(-1, 2, HEAD_DIM // 2, weight.shape[-1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def embedding_head(weights: dict[str, Any]) -> None:
    weights["lm_head.weight"] = weights["embed_tokens.weight"]


def instead(kind: type, *made: Callable[[Any], Any]) -> Callable[[WeightMap, Any], WeightMap]:
    """The port's map has other rules for those of a kind."""

    def changed(weight_map: WeightMap, config: Any) -> WeightMap:
        rules: list[Any] = []
        for rule in weight_map.rules:
            rules += [make(config) for make in made] if type(rule) is kind else [rule]
        return WeightMap(*rules)

    return changed


def further(*made: Callable[[Any], Any]) -> Callable[[WeightMap, Any], WeightMap]:
    """The port's map has rules too many."""
    return lambda weight_map, config: WeightMap(*weight_map.rules, *(make(config) for make in made))


ATTN, MLP = "layers.0.self_attn", "layers.0.mlp"
QKV = (f"{ATTN}.q_proj", f"{ATTN}.k_proj", f"{ATTN}.v_proj")
ROTATED = (f"{ATTN}.q_rotated", f"{ATTN}.k_cached")
ROTATED_1 = ("layers.1.self_attn.q_rotated", "layers.1.self_attn.k_cached")
CONTEXT, CONTEXT_1 = (f"{ATTN}.o_proj.input",), ("layers.1.self_attn.o_proj.input",)
ACTIVATED = (f"{MLP}.down_proj.input",)
NORM, MIDDLE = ("layers.0.input_layernorm",), ("layers.0.post_attention_layernorm.input",)
LOGITS = ("lm_head",)
SHARES, EXPERTS, ROUTER = (f"{MLP}.gate",), (f"{MLP}.experts",), "RenormalizedRouter"
OF_EXPERTS = tuple(f"{MLP}.experts.{part}_proj.weight" for part in ("gate", "up", "down"))
