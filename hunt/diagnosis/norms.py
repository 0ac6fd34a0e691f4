# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for norms: which kind, weight, bias, epsilon and input gives each side's output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .scene import Cause, Float, Rule, Scene


@dataclass(frozen=True)
class Norm:
    """One way to norm.

    Attributes:
        kind: ``RMSNorm``, ``LayerNorm`` or ``none``.
        weight: The name of its weight, and ``1 +`` before it; empty for none.
        bias: The name of its bias; empty for none.
        eps: Its epsilon.
        of: The name of its input.
    """

    kind: str
    weight: str
    bias: str
    eps: float
    of: str

    def __str__(self) -> str:
        if self.kind == "none":
            return f"{self.of}, as it is"
        parts = [self.kind, f"of {self.of}", f"with weight {self.weight or 'none'}"]
        parts += [f"and bias {self.bias}"] if self.bias else []
        return " ".join([*parts, f"and ε {self.eps:.3g}"])


def _normed(x: Float, kind: str, eps: float) -> Float:
    x = x - x.mean(-1, keepdims=True) if kind == "LayerNorm" else x
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)


def _fitted_eps(x: Float, kind: str, target: Float, weight: Float) -> float:
    """Returns the epsilon that gives ``target``'s length best."""
    bare = _normed(x, kind, 0.0) * weight
    scale = (bare * target).sum(-1) / np.maximum((bare * bare).sum(-1), 1e-30)
    x = x - x.mean(-1, keepdims=True) if kind == "LayerNorm" else x
    square = (x * x).mean(-1)
    eps = np.median(square / np.maximum(scale, 1e-6) ** 2 - square)
    return float(max(eps, 0.0))


def _inputs(scene: Scene) -> dict[str, Float]:
    """Returns what a norm of this layer may be given, its own input first."""
    own = scene.ref(f"{scene.name}.input")
    found = {} if own is None else {"its input": own}
    if not scene.layer:
        return found
    x, attended = scene.layer_input(), scene.ref(f"{scene.layer}.self_attn")
    if x is not None and scene.part != "input_layernorm":
        found["the layer's input"] = x
        if attended is not None:
            found["the layer's input and attention"] = x + attended
            found["attention"] = attended
    return found


def _weights(scene: Scene) -> Iterator[tuple[str, Float]]:
    own = scene.weight(f"{scene.name}.weight")
    if own is None:
        yield "", np.ones(1)
        return
    yield scene.name, own
    yield f"1 + {scene.name}", 1 + own
    yield "", np.ones(1)
    siblings = [
        name.removesuffix(".weight")
        for name in scene.weights
        if name.endswith("norm.weight") and name != f"{scene.name}.weight"
    ]
    # Its neighbours first: fewer are confused with another layer's.
    siblings.sort(key=lambda name: not name.startswith(scene.layer or " "))
    for name in siblings[:8]:
        weight = scene.weight(f"{name}.weight")
        if weight is not None and weight.shape == own.shape:
            yield name, weight


def _candidates(scene: Scene, target: Float) -> Iterator[tuple[Norm, Float]]:
    eps = next((v for k, v in scene.config.items() if "eps" in k and v < 0.1), 1e-5)
    bias = scene.weight(f"{scene.name}.bias")
    for of, x in _inputs(scene).items():
        yield Norm("none", "", "", 0.0, of), x
        for name, weight in _weights(scene):
            if weight.shape not in ((1,), (x.shape[-1],)):
                continue
            for kind in ("RMSNorm", "LayerNorm"):
                made = {"": np.zeros(1)} if bias is None else {f"{scene.name}": bias, "": 0 * bias}
                for bias_name, added in made.items():
                    yield (
                        Norm(kind, name, bias_name, eps, of),
                        _normed(x, kind, eps) * weight + added,
                    )
                    fitted = _fitted_eps(x, kind, target - added, weight)
                    if abs(fitted / max(eps, 1e-12) - 1) > 0.05:
                        yield (
                            Norm(kind, name, bias_name, fitted, of),
                            _normed(x, kind, fitted) * weight + added,
                        )


def _best(scene: Scene, target: Float) -> tuple[Norm, float] | None:
    """Returns the norm that gives ``target`` best, and the relative error it leaves."""
    best: tuple[Norm, float] | None = None
    for norm, made in _candidates(scene, target):
        left = float(np.linalg.norm(target - made) / np.linalg.norm(target))
        # The first that is as good wins: it is the simpler one.
        if best is None or left < 0.5 * best[1] - 1e-9:
            best = norm, left
    return best


def is_norm(scene: Scene) -> bool:
    """Whether the wrong tensor is a norm's output."""
    weight = scene.weights.get(f"{scene.name}.weight")
    last = scene.name.rpartition(".")[2]
    return "norm" in last and (weight is None or np.asarray(weight).ndim == 1)


def norm(scene: Scene) -> Rule:
    """Compares the norms that give each side's output."""
    if not is_norm(scene):
        return
    theirs, ours = _best(scene, scene.y), _best(scene, scene.z)
    if theirs is None or ours is None:
        return
    (their, _), (our, left) = theirs, ours
    made = next((m for n, m in _candidates(scene, scene.z) if n == our), scene.y)
    score = min(scene.explained(made), 1.0)
    if left > 0.5:
        return
    said = f"the reference is {their}; the port fits {our}"
    yield from (Cause(cause, score * share, said) for cause, share in _judged(scene, their, our))


def _judged(scene: Scene, their: Norm, our: Norm) -> list[tuple[str, float]]:
    final = not scene.layer
    if our.of != their.of:
        return [("residual-wiring", 1.0), ("norm-place", 0.8)]
    if our.kind == "none" != their.kind:
        return [("final-norm", 1.0), ("norm-place", 0.7)] if final else [("norm-place", 1.0)]
    plain = {scene.name, f"1 + {scene.name}", ""}
    if our.weight != their.weight and our.weight not in plain:
        # The same norm of another layer is no other place.
        if our.weight.rpartition(".")[2] == scene.part:
            return [("weight-exchanged", 1.0), ("layer-pattern", 0.8), ("norm-place", 0.7)]
        return [("norm-place", 1.0), ("weight-exchanged", 0.9)]
    if our.weight != their.weight or our.kind != their.kind:
        others = [("final-norm", 0.7)] if final else [("norm-eps", 0.3)]
        return [("norm-kind", 1.0), *others]
    if our.bias != their.bias:
        return [("bias", 1.0), ("norm-kind", 0.6)]
    if our.eps != their.eps:
        return [("norm-eps", 1.0), ("norm-kind", 0.3)]
    return []
