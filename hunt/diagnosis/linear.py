# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for projections and embeddings: whose weight, which bias, transposed or moved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .norms import is_norm
from .scene import Cause, Float, Rule, Scene, explained, fits

#: So many logits of a token show a cap as well as all of them.
CHANNELS = 2048


def _names(scene: Scene, shape: tuple[int, ...]) -> Iterator[str]:
    """Returns weights of a shape: the module's own, then its neighbours', then others'."""
    own = f"{scene.name}.weight"
    names = [
        name
        for name in scene.weights
        if name.endswith(".weight") and np.shape(scene.weights[name]) == shape
    ]
    names.sort(key=lambda name: (name != own, not name.startswith(scene.layer or " ")))
    yield from names[:16]


def projection(scene: Scene) -> Rule:
    """Asks whether another matrix of the checkpoint gives the port's output."""
    own = scene.weight(f"{scene.name}.weight")
    x = scene.ref(f"{scene.name}.input")
    if own is None or own.ndim != 2 or x is None or own.shape[1] != x.shape[1]:
        return
    bias = scene.weight(f"{scene.name}.bias")
    added = np.zeros(1) if bias is None else bias
    if own.shape[0] == own.shape[1]:
        yield Cause(
            "transposed",
            scene.explained(x @ own + added),
            "the port's output is the input times the matrix the other way round",
        )
    factor = _factor(scene.y, x @ own.T + added)
    for name in _names(scene, own.shape):
        other = scene.weight(name)
        if other is None or name == f"{scene.name}.weight":
            continue
        sibling = scene.weight(name.replace(".weight", ".bias"))
        biases = [added] if sibling is None else [added, sibling]
        for each in biases:
            score = scene.explained(factor * (x @ other.T + each))
            if score > 0.5:
                said = f"the port's output is that of {name}"
                yield Cause(_exchanged(scene, name), score, said)
                yield Cause("weight-exchanged", 0.9 * score, said)


def _factor(y: Float, made: Float) -> float:
    return float((y * made).sum() / max(float((made * made).sum()), 1e-30))


def _exchanged(scene: Scene, other: str) -> str:
    parts = {scene.part, other.split(".")[-2]}
    if parts == {"gate_proj", "up_proj"}:
        return "gate-up"
    if parts < {"q_proj", "k_proj", "v_proj"}:
        return "qkv-split"
    if parts == {"lm_head", "embed_tokens"}:
        return "tied-head"
    return "weight-exchanged"


def untied(scene: Scene) -> Rule:
    """Asks whether the reference's logits are the embedding's, and the port's are not."""
    if scene.name != "lm_head":
        return
    x, embedding = scene.ref("lm_head.input"), scene.weight("embed_tokens.weight")
    x = scene.ref("norm") if x is None else x
    if x is None or embedding is None or embedding.shape[1] != x.shape[1]:
        return
    made = x @ embedding.T
    ours, theirs = (_left(t, made) for t in (scene.z, scene.y))
    if theirs < 0.01 < 0.5 < ours:
        yield Cause("tied-head", 0.95, "the reference's logits are the embedding's, the port's not")


def _left(tensor: Float, made: Float) -> float:
    """Returns which share of a tensor is no multiple of another."""
    rest = tensor - _factor(tensor, made) * made
    return float(np.linalg.norm(rest)) / max(float(np.linalg.norm(tensor)), 1e-30)


def offset(scene: Scene) -> Rule:
    """Asks whether the difference is one vector, and whose bias that is."""
    delta = (scene.z - scene.y).mean(0, keepdims=True)
    if len(scene.z) < 2:
        return
    score = scene.explained(scene.y + delta)
    if score < 0.5:
        return
    vector, whose = delta[0], ""
    for name in scene.weights:
        if name.endswith("bias") and np.shape(scene.weights[name]) == vector.shape:
            bias = scene.weight(name)
            assert bias is not None
            sign = next((s for s in (1, -1) if fits(s * bias, vector, 0.02)), 0)
            if sign:
                whose = f", {name}, which it {'adds' if sign > 0 else 'lacks'}"
                break
    said = f"the port's differs by the same vector for every token{whose}"
    yield Cause("bias", score * (0.98 if whose else 0.9), said)


def factor(scene: Scene) -> Rule:
    """Asks whether the port's is the reference's times one number, and which."""
    found = _factor(scene.z, scene.y)
    score = 0.97 * scene.explained(found * scene.y)
    if score < 0.5:
        return
    said = f"the port's is {found:.5g} times the reference's"
    if found:
        said += scene.scalars(abs(found)) or scene.scalars(abs(1 / found))
    last = scene.part
    if scene.name in ("embed_tokens", "layers.0.input_layernorm.input"):
        yield Cause("embedding-scale", score, said)
    elif scene.name == "lm_head":
        yield Cause("logit-scale", score, said)
    elif last in ("q_rotated", "k_cached", "q_proj", "k_proj"):
        yield Cause("attention-scale", score, said)
    elif "norm" in last:
        yield Cause("norm-kind", 0.8 * score, said)
    else:
        yield Cause("residual-scale", score, said)


def by_channel(scene: Scene) -> Rule:
    """Asks whether each channel is off by a factor of its own."""
    if len(scene.z) < 3 or not is_norm(scene):
        return
    factors = (scene.z * scene.y).sum(0) / np.maximum((scene.y * scene.y).sum(0), 1e-30)
    score = 0.85 * scene.explained(scene.y * factors)
    if score < 0.5:
        return
    said = "each channel is off by a factor of its own"
    if not scene.layer:
        yield Cause("final-norm", score, said)
    yield Cause("norm-kind", 0.95 * score, said)
    yield Cause("norm-place", 0.9 * score, said)


def softcap(scene: Scene) -> Rule:
    """Asks whether logits are bounded on one side only."""
    if scene.name != "lm_head":
        return
    z, y = scene.z[:, :CHANNELS], scene.y[:, :CHANNELS]
    for bounded, free, whose in ((z, y, "port"), (y, z, "reference")):
        grid = np.exp2(np.linspace(-3, 9, 241))
        errors = [float(np.linalg.norm(bounded - c * np.tanh(free / c))) for c in grid]
        cap = float(grid[int(np.argmin(errors))])
        score = 1 - min(errors) / float(np.linalg.norm(z - y))
        # Signs alone, bounded low enough, explain much of anything.
        if score > 0.8 and min(errors) < 0.05 * float(np.linalg.norm(bounded)):
            said = f"the {whose}'s logits are the other's, bounded at {cap:.3g}"
            yield Cause("logit-softcap", score, said + scene.scalars(cap, 0.03))


def rows(scene: Scene) -> Rule:
    """Asks whether the port's embeddings are rows of other tokens."""
    table = scene.weight(f"{scene.name}.weight") if scene.name == "embed_tokens" else None
    if table is None or table.ndim != 2:
        return
    squares = (table * table).sum(1)
    ours, theirs = ((squares - 2 * t[:16] @ table.T).argmin(-1) for t in (scene.z, scene.y))
    score = explained(scene.z[:16], scene.y[:16], table[ours], scene.noise)
    said = f"the port has the rows of tokens {ours[:4].tolist()} for {theirs[:4].tolist()}"
    yield Cause("vocabulary", score, said)


RULES = (projection, rows, untied, offset, factor, by_channel, softcap)
