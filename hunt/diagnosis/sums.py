# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for the residual stream: with which factors a sum is made of a layer's parts."""

from __future__ import annotations

import numpy as np

from .scene import Cause, Float, Rule, Scene, fits

#: Below this a factor is none.
NONE = 1e-3


def _terms(scene: Scene) -> dict[str, Float]:
    """Returns the tensors of the layer that a sum may be made of."""
    layer = scene.layer
    found = {
        "the layer's input": scene.layer_input(),
        "attention": scene.ref(f"{layer}.self_attn"),
        "the MLP": scene.ref(f"{layer}.mlp"),
        "the input's norm": scene.ref(f"{layer}.input_layernorm"),
        "the MLP's norm": scene.ref(f"{layer}.post_attention_layernorm"),
    }
    if not scene.name.endswith(".input"):
        return {name: term for name, term in found.items() if term is not None}
    # What enters a norm comes before the MLP, and before the norm.
    early = ("the layer's input", "attention")
    if "input_layernorm" not in scene.name:
        early += ("the input's norm",)  # type: ignore[assignment]
    return {name: term for name, term in found.items() if name in early and term is not None}


def _factors(target: Float, terms: dict[str, Float]) -> tuple[dict[str, float], Float]:
    """Returns the factors that make ``target`` of terms, and what they make."""
    columns = np.stack([term.reshape(-1) for term in terms.values()], 1)
    solved, *_ = np.linalg.lstsq(columns, target.reshape(-1), rcond=None)
    made = (columns @ solved).reshape(target.shape)
    return dict(zip(terms, map(float, solved), strict=True)), made


def _sum(factors: dict[str, float]) -> str:
    parts = [f"{factor:.4g} * {name}" for name, factor in factors.items() if abs(factor) > NONE]
    return " + ".join(parts) or "nothing"


def is_sum(scene: Scene) -> bool:
    """Whether the wrong tensor is the residual stream."""
    last = scene.part
    return bool(scene.layer) and (scene.name == scene.layer or last.endswith("norm.input"))


def residual(scene: Scene) -> Rule:
    """Compares the factors of the layer's parts in each side's sum."""
    if not is_sum(scene):
        return
    terms = _terms(scene)
    if not terms:
        return
    theirs, their_sum = _factors(scene.y, terms)
    ours, our_sum = _factors(scene.z, terms)
    tolerance = max(4 * scene.noise, 0.01)
    if not fits(scene.y, their_sum, tolerance):
        return
    score = scene.explained(our_sum)
    said = f"the reference is {_sum(theirs)}; the port fits {_sum(ours)}"
    changed = {
        name: (theirs[name], ours[name])
        for name in terms
        if abs(ours[name] - theirs[name]) > tolerance
    }
    if not changed:
        return
    appears = [n for n, (a, b) in changed.items() if (abs(a) < tolerance) != (abs(b) < tolerance)]
    if appears:
        yield Cause("residual-wiring", score, said)
        yield Cause("norm-place", 0.8 * score, said)
        yield Cause("residual-scale", 0.5 * score, said)
        return
    if scene.name == "layers.0.input_layernorm.input":
        return  # It is the embedding, and no sum yet.
    factor = next(b / a for a, b in changed.values())
    yield Cause("residual-scale", score, said + scene.scalars(abs(factor)))
    yield Cause("residual-wiring", 0.5 * score, said)
