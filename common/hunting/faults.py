# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
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

from common.adapters import CanonicalRope, Rename, SplitGroupedQKV, SplitQKV, WeightMap
from common.layers import (
    Attention,
    Head,
    ParallelTwoNormBlock,
    PreNormBlock,
    RenormalizedRouter,
    SoftmaxRouter,
    attend,
    attention,
)
from common.layers.step import Step
from common.pipeline import DecoderModel
from common.testing.declare import HEAD_DIM, Fixture


def _rope(theta: float, **more: float) -> dict[str, float | str]:
    return {"rope_type": "default", "rope_theta": theta, **more}


#: Two layers show what a fault needs: one kind each, and a second to carry the error on.
FIXTURES = {
    "smollm3": Fixture(
        "hunt",
        {
            "num_hidden_layers": 2,
            "tie_word_embeddings": False,
            "attention_bias": True,
            "mlp_bias": True,
            "use_sliding_window": True,
            "sliding_window": 16,
            "no_rope_layers": [1, 0],
            "rms_norm_eps": 1e-3,
            "rope_parameters": _rope(777.0),
        },
    ),
    "cohere2": Fixture(
        "hunt",
        {
            "num_hidden_layers": 2,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            "logit_scale": 0.25,
            "rope_parameters": _rope(777.0),
        },
    ),
    "gpt_neox": Fixture(
        "hunt",
        {
            "num_hidden_layers": 2,
            "rope_parameters": _rope(777.0, partial_rotary_factor=0.5),
        },
    ),
    "mixtral": Fixture(
        "hunt",
        {
            "num_hidden_layers": 2,
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
            "rope_parameters": _rope(777.0),
        },
    ),
}


#: Enters a fault; is given the class of the port's decoder.
Plant = Callable[[type], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: Says it.
        slug: The port that has it.
        wrong: The tensors of which the first wrong one must be.
        cause: The cause to be named.
        graph: Patches what the graph is traced from.
        weights: Changes the graph's weights, by name, after the map made them.
        rules: Changes the port's weight map, which the reference's taps go by as well.
        decode: Whether the prompt is right.
    """

    name: str
    slug: str
    wrong: tuple[str, ...]
    cause: str
    graph: Plant | None = None
    weights: Callable[[dict[str, Any]], None] | None = None
    rules: Callable[[WeightMap, Any], WeightMap] | None = None
    decode: bool = False


def _config(change: Callable[[Any], Any]) -> Plant:
    create = DecoderModel._create_model_config

    def changed(model: DecoderModel, weights: dict[str, Any]) -> Any:
        return change(create(model, weights))

    return lambda port: mock.patch.object(DecoderModel, "_create_model_config", changed)


def config(**changes: Any) -> Plant:
    """The port reads its config otherwise."""
    return _config(lambda made: dataclasses.replace(made, **changes))


def rope(**changes: Any) -> Plant:
    """The port reads the parameters of the rotation otherwise."""
    return _config(
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


def _given(**changes: Any) -> Plant:
    start = Attention.__init__

    def changed(self: Any, config: Any, layer: int, **given: Any) -> None:
        start(self, config, layer, **(given | changes))

    return patched(Attention, "__init__", changed)


def _softmax(of: Callable[[Any, Callable[[Any], Any]], Any]) -> Plant:
    """Attention by plain ops, with another softmax."""

    def attended(q: Any, step: Any, layer: int, kv: Any, mask: Any, scale: float) -> Any:
        plain = ops.softmax
        with mock.patch.object(ops, "softmax", lambda scores: of(scores, plain)):
            return attend.materialized_attention(q, step, layer, kv, mask, scale)

    return patched(attention, "attend", attended)


def _capped(scores: Any, softmax: Callable[[Any], Any]) -> Any:
    hidden = scores < ops.constant(-1e29, DType.float32, device=scores.device)
    return softmax(ops.where(hidden, scores, 0.5 * ops.tanh(scores / 0.5)))


def _sunk(scores: Any, softmax: Callable[[Any], Any]) -> Any:
    top = ops.max(scores, axis=-1)
    total = ops.sum(ops.exp(scores - top), axis=-1)
    return softmax(scores) * total / (total + ops.exp(1.0 - top))


def _rounded(q: Any, step: Any, layer: int, kv: Any, mask: Any, scale: float) -> Any:
    """q loses half of its bits."""
    q = q.cast(DType.bfloat16).cast(q.dtype)
    return attend.materialized_attention(q, step, layer, kv, mask, scale)


_start_step = Step.__init__


def _late(self: Any, kv_collection: Any, *args: Any, **given: Any) -> None:
    """Decode believes the cache to hold one token less than it does."""
    lengths = kv_collection.cache_lengths
    one = ops.constant(1, lengths.dtype, device=lengths.device)
    fewer = ops.max(lengths, one) - one
    _start_step(self, dataclasses.replace(kv_collection, cache_lengths=fewer), *args, **given)


# Rotations.


# Blocks, norms, MLPs and heads.


class _Sigmoid(RenormalizedRouter):
    """Scores each expert by itself."""

    def scores(self, logits: Any) -> Any:
        return ops.sigmoid(logits)


class _Skipped(Module):
    """A norm that is not applied, though its weight is there."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight = norm.weight

    def __call__(self, x: Any) -> Any:
        return x * 1.0


class _Halved(PreNormBlock):
    def __call__(self, x: Any, step: Any) -> Any:
        h = x + self.self_attn(self.input_layernorm(x), step) * 0.5
        return h + self.mlp(self.post_attention_layernorm(h))


class _Capped(Head):
    def __call__(self, x: Any) -> Any:
        return ops.tanh(super().__call__(x) / 3.0) * 3.0


# Weights.


def _exchange(first: str, second: str) -> Callable[[dict[str, Any]], None]:
    def change(weights: dict[str, Any]) -> None:
        weights[first], weights[second] = weights[second], weights[first]

    return change


def _each(change: Callable[[Any], Any], *names: str) -> Callable[[dict[str, Any]], None]:
    def changed(weights: dict[str, Any]) -> None:
        for name in weights:
            if name.endswith(names):
                weights[name] = np.ascontiguousarray(change(weights[name]))

    return changed


def _zero(weight: Any) -> Any:
    return weight * 0


def _negated_rows(weight: Any) -> Any:
    rows = np.arange(len(weight))[:, None]
    return np.where((rows > 4) & (rows < 9), -weight, weight)


def _turned_heads(weight: Any) -> Any:
    return weight.reshape(-1, HEAD_DIM, weight.shape[-1])[::-1].reshape(weight.shape)


def _interleaved(weight: Any) -> Any:
    halves = weight.reshape(-1, 2, HEAD_DIM // 2, weight.shape[-1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def _embedding_head(weights: dict[str, Any]) -> None:
    weights["lm_head.weight"] = weights["embed_tokens.weight"]


def _instead(kind: type, *made: Callable[[Any], Any]) -> Callable[[WeightMap, Any], WeightMap]:
    """The port's map has other rules for those of a kind."""

    def changed(weight_map: WeightMap, config: Any) -> WeightMap:
        rules: list[Any] = []
        for rule in weight_map.rules:
            rules += [make(config) for make in made] if type(rule) is kind else [rule]
        return WeightMap(*rules)

    return changed


def _further(*made: Callable[[Any], Any]) -> Callable[[WeightMap, Any], WeightMap]:
    """The port's map has rules too many."""
    return lambda weight_map, config: WeightMap(*weight_map.rules, *(make(config) for make in made))


S, C, G, M = "smollm3", "cohere2", "gpt_neox", "mixtral"
_ATTN, _MLP = "layers.0.self_attn", "layers.0.mlp"
_QKV = (f"{_ATTN}.q_proj", f"{_ATTN}.k_proj", f"{_ATTN}.v_proj")
_ROTATED = (f"{_ATTN}.q_rotated", f"{_ATTN}.k_cached")
_ROTATED_1 = ("layers.1.self_attn.q_rotated", "layers.1.self_attn.k_cached")
_CONTEXT, _CONTEXT_1 = (f"{_ATTN}.o_proj.input",), ("layers.1.self_attn.o_proj.input",)
_ACTIVATED = (f"{_MLP}.down_proj.input",)
_NORM, _MIDDLE = ("layers.0.input_layernorm",), ("layers.0.post_attention_layernorm.input",)
_LOGITS = ("lm_head",)
_SHARES, _EXPERTS, _ROUTER = (f"{_MLP}.gate",), (f"{_MLP}.experts",), "RenormalizedRouter"
_OF_EXPERTS = tuple(f"{_MLP}.experts.{part}_proj.weight" for part in ("gate", "up", "down"))

FAULTS: tuple[Fault, ...] = (
    # The rotation.
    Fault("another theta", S, _ROTATED, "rope-theta", rope(rope_theta=10000.0)),
    Fault("NoPE forgotten", S, _ROTATED_1, "rope-layers", config(rotates=(True, True))),
    Fault("every column", G, _ROTATED, "rope-partial", rope(partial_rotary_factor=1.0)),
    Fault("interleaved as halves", C, _ROTATED, "rope-layout", rules=_instead(CanonicalRope)),
    Fault(
        "halves as interleaved",
        S,
        _ROTATED,
        "rope-layout",
        rules=_further(lambda config: CanonicalRope(rope=config.rope, interleaved=True)),
    ),
    Fault(
        "rows of q interleaved",
        S,
        _QKV,
        "rope-layout",
        weights=_each(_interleaved, "layers.0.self_attn.q_proj.weight"),
    ),
    # Attention.
    Fault("scores unscaled", S, _CONTEXT, "attention-scale", _given(scale=1.0)),
    Fault("window short by one", S, _CONTEXT_1, "window", config(windows=(None, 15))),
    Fault("scores capped", S, _CONTEXT, "attention-softcap", _softmax(_capped)),
    Fault("a sink", S, _CONTEXT, "sinks", _softmax(_sunk)),
    Fault("q rounded", S, _CONTEXT, "rounding", patched(attention, "attend", _rounded)),
    Fault(
        "decode a position late",
        S,
        _ROTATED,
        "cache-position",
        patched(Step, "__init__", _late),
        decode=True,
    ),
    # Norms.
    Fault(
        "1 + weight", S, _NORM, "norm-kind", part("norm_layer", lambda d: d.rms_norm(offset=1.0))
    ),
    Fault("epsilon", S, _NORM, "norm-eps", config(norm_eps=1e-6)),
    Fault(
        "norms exchanged",
        S,
        _NORM,
        "norm-place",
        weights=_exchange(
            "layers.0.input_layernorm.weight", "layers.0.post_attention_layernorm.weight"
        ),
    ),
    Fault(
        "no bias of the norm",
        G,
        _NORM,
        "bias",
        weights=_each(_zero, "layernorm.bias"),
    ),
    Fault(
        "no final norm",
        S,
        ("norm",),
        "final-norm",
        part("final_norm", lambda d: _Skipped(d.norm_layer())),
    ),
    # Feed-forward parts.
    Fault("tanh for erf", G, _ACTIVATED, "activation", config(hidden_act="gelu_new")),
    Fault(
        "gate and up exchanged",
        S,
        _ACTIVATED,
        "gate-up",
        rules=_further(
            lambda config: Rename(r"(.*\.)gate_proj(\..*)", r"\1other\2"),
            lambda config: Rename(r"(.*\.)up_proj(\..*)", r"\1gate_proj\2"),
            lambda config: Rename(r"(.*\.)other(\..*)", r"\1up_proj\2"),
        ),
    ),
    # Experts.
    Fault("weights as they are", M, _SHARES, "router-norm", named(_ROUTER, SoftmaxRouter)),
    Fault("sigmoid for softmax", M, _SHARES, "router-scores", named(_ROUTER, _Sigmoid)),
    Fault(
        "experts in another order",
        M,
        _EXPERTS,
        "expert-order",
        weights=_each(lambda weight: np.roll(weight, 1, axis=0), *_OF_EXPERTS),
    ),
    Fault(
        "routers in another order",
        M,
        _SHARES,
        "expert-order",
        weights=_each(lambda weight: weight[[1, 0, *range(2, 5)]], f"{_MLP}.gate.weight"),
    ),
    Fault(
        "gate and up of experts exchanged",
        M,
        _EXPERTS,
        "gate-up",
        weights=_exchange(*_OF_EXPERTS[:2]),
    ),
    # Sums.
    Fault("attention halved", S, _MIDDLE, "residual-scale", named("PreNormBlock", _Halved)),
    Fault(
        "parallel for sequential",
        S,
        ("layers.0.post_attention_layernorm",),
        "residual-wiring",
        named("PreNormBlock", ParallelTwoNormBlock),
    ),
    # Embedding and head.
    Fault(
        "vocabulary off by one",
        S,
        ("embed_tokens",),
        "vocabulary",
        weights=_each(lambda weight: np.roll(weight, 1, axis=0), "embed_tokens.weight"),
    ),
    Fault("tied by mistake", S, _LOGITS, "tied-head", weights=_embedding_head),
    Fault(
        "no logit scale",
        C,
        _LOGITS,
        "logit-scale",
        part("head", lambda d: Head(d.config, d.embed_tokens)),
    ),
    Fault(
        "logits capped",
        S,
        _LOGITS,
        "logit-softcap",
        part("head", lambda d: _Capped(d.config, d.embed_tokens)),
    ),
    # Weights.
    Fault(
        "no bias of q, k, v",
        S,
        _QKV,
        "bias",
        weights=_each(_zero, *(f"layers.0.self_attn.{p}_proj.bias" for p in "qkv")),
    ),
    Fault(
        "no bias of the MLP",
        S,
        (f"{_MLP}.down_proj",),
        "bias",
        weights=_each(_zero, "layers.0.mlp.down_proj.bias"),
    ),
    Fault(
        "q | k | v whole",
        G,
        _QKV,
        "qkv-split",
        rules=_instead(SplitGroupedQKV, lambda config: SplitQKV(**config.heads)),
    ),
    Fault(
        "k for v",
        C,
        _QKV,
        "qkv-split",
        weights=_exchange(f"{_QKV[1]}.weight", f"{_QKV[2]}.weight"),
    ),
    Fault(
        "heads of v turned",
        S,
        _QKV[2:],
        "head-groups",
        weights=_each(_turned_heads, f"{_QKV[2]}.weight"),
    ),
    Fault(
        "transposed",
        C,
        (f"{_ATTN}.o_proj",),
        "transposed",
        weights=_each(lambda weight: weight.T, f"{_ATTN}.o_proj.weight"),
    ),
    Fault(
        "of another layer",
        S,
        (f"{_MLP}.down_proj",),
        "weight-exchanged",
        weights=_exchange(f"{_MLP}.down_proj.weight", "layers.1.mlp.down_proj.weight"),
    ),
    Fault(
        "four rows negated",
        S,
        (f"{_ATTN}.o_proj",),
        "weight-damaged",
        weights=_each(_negated_rows, f"{_ATTN}.o_proj.weight"),
    ),
)
