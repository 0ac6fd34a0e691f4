# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for feed-forward parts: which activation, of which half, gives each side's activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .scene import Cause, Float, Rule, Scene


def _sigmoid(x: Float) -> Float:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def _erf_gelu(x: Float) -> Float:
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def _tanh_gelu(x: Float) -> Float:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


#: By the names that transformers/activations.py gives them.
ACTIVATIONS: Mapping[str, Callable[[Float], Float]] = {
    "silu": lambda x: x * _sigmoid(x),
    "gelu": _erf_gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "quick_gelu": lambda x: x * _sigmoid(1.702 * x),
    "relu": lambda x: np.maximum(x, 0),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "linear": lambda x: x,
}


@dataclass(frozen=True)
class Activated:
    """How activations are made: ``act(of)``, times ``by`` if that is given."""

    act: str
    of: str
    by: str = ""

    def __str__(self) -> str:
        return f"{self.act}({self.of})" + (f" * {self.by}" if self.by else "")


def _candidates(scene: Scene) -> Iterator[tuple[Activated, Float]]:
    gate = scene.ref(f"{scene.owner}.gate_proj")
    up = scene.ref(f"{scene.owner}.up_proj")
    for name, function in ACTIVATIONS.items():
        if gate is not None and up is not None:
            yield Activated(name, "gate", "up"), function(gate) * up
            yield Activated(name, "up", "gate"), function(up) * gate
            yield Activated(name, "gate"), function(gate)
        elif up is not None:
            yield Activated(name, "up"), function(up)


def activations(scene: Scene) -> Rule:
    """Compares the activations that give each side's input of the last projection."""
    if not scene.part.endswith("down_proj.input"):
        return

    def best(target: Float) -> tuple[float, Activated] | None:
        errors = [
            (float(np.linalg.norm(target - made)), made_by) for made_by, made in _candidates(scene)
        ]
        return min(errors, key=lambda pair: pair[0], default=None)

    theirs, ours = best(scene.y), best(scene.z)
    if theirs is None or ours is None:
        return
    their, our = theirs[1], ours[1]
    made = dict(_candidates(scene))[our]
    score = scene.explained(made)
    said = f"the reference is {their}; the port fits {our}"
    if (their.of, their.by) != (our.of, our.by):
        yield Cause("gate-up", score, said)
    if their.act != our.act:
        yield Cause("activation", score if their.of == our.of else 0.8 * score, said)
