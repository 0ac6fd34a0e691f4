# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for permuted channels: where the port's columns are among the reference's.

Columns are compared over all tokens at once, so a match is no accident.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .scene import Cause, Float, Rule, Scene
from .shapes import place

Index = npt.NDArray[np.int64]


def matched(port: Float, reference: Float, tolerance: float) -> Index:
    """Returns for each column of the port the reference's column that it is, or -1."""
    a = port / np.maximum(np.linalg.norm(port, axis=0), 1e-30)
    b = reference / np.maximum(np.linalg.norm(reference, axis=0), 1e-30)
    alike = a.T @ b
    best = alike.argmax(1)
    same = np.abs(port - reference[:, best]) <= tolerance * np.abs(port).max()
    return np.where(same.all(0), best, -1)


def _unbiased(scene: Scene, name: str, tensor: Float | None) -> Float | None:
    bias = scene.weight(f"{name}.bias")
    return tensor if tensor is None or bias is None or bias.ndim != 1 else tensor - bias


def _sources(scene: Scene) -> list[tuple[str, Float]]:
    """Returns the tensors that channels may have come from: the own one, and its siblings'.

    Biases are taken off: they stay in their places when the rows of a weight move.
    """
    groups = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
    names = next((g for g in groups if scene.part in g), (scene.part,))
    ordered = sorted(names, key=lambda name: name != scene.part)
    found = []
    for name in ordered:
        whole = f"{scene.owner}.{name}" if scene.owner else name
        found.append((name, _unbiased(scene, whole, scene.ref(whole))))
    return [(name, tensor) for name, tensor in found if tensor is not None]


def permuted(scene: Scene) -> Rule:
    """Looks for every channel among the reference's."""
    if len(scene.z) < 3 or scene.part in ("q_rotated", "k_cached"):
        return
    sources = _sources(scene)
    if not sources:
        return
    columns = np.concatenate([tensor for _, tensor in sources], 1)
    # Rows of a weight move with their bias, or without.
    tolerance = max(20 * scene.noise, 1e-4)
    biased = [scene.ref(f"{scene.owner}.{n}" if scene.owner else n) for n, _ in sources]
    whole = np.concatenate([tensor for tensor in biased if tensor is not None], 1)
    found = matched(scene.z, whole, tolerance)
    bare = matched(_unbiased(scene, scene.name, scene.z), columns, tolerance)  # type: ignore[arg-type]
    if (bare >= 0).mean() > (found >= 0).mean():
        found = bare
    share = float((found >= 0).mean())
    own = sources[0][1].shape[1]
    moved = found != np.arange(len(found))
    if share < 0.6 or not moved[found >= 0].any():
        return
    said = f"{share:.0%} of the port's channels are others of the reference's"
    for cause, weight, how in _judged(scene, found, own):
        yield Cause(cause, share * weight, f"{said}: {how}")


def _judged(scene: Scene, found: Index, own: int) -> list[tuple[str, float, str]]:
    dim = scene.head_dim
    foreign = found >= own
    if foreign.any():
        if scene.part in ("gate_proj", "up_proj"):
            return [("gate-up", 1.0, f"{foreign.mean():.0%} are of its sibling")]
        return [("qkv-split", 1.0, f"{foreign.mean():.0%} are of other projections")]
    at = np.arange(len(found))
    heads = scene.part in ("q_proj", "k_proj", "v_proj", "o_proj.input")
    if heads and (found // dim == at // dim).all():
        return [
            ("rope-layout", 1.0, f"within each head, {_order(found[:dim])}"),
            ("qk-norm", 0.3, ""),
        ]
    if heads and (found % dim == at % dim).all():
        order = ", ".join(map(str, found[::dim] // dim))
        what = f"whole heads in the order {order}"
        return [("head-groups", 1.0, what), ("qkv-split", 0.9, what)]
    if heads:
        return [("qkv-split", 1.0, "across heads"), ("transposed", 0.5, "across heads")]
    return [("weight-exchanged", 0.8, "in another order"), ("transposed", 0.6, "in another order")]


def _order(columns: Index) -> str:
    n = len(columns)
    halves = np.arange(n).reshape(2, -1).T.reshape(-1)
    neighbours = np.arange(n).reshape(-1, 2).T.reshape(-1)
    if (columns == halves).all():
        return "the halves interleaved"
    if (columns == neighbours).all():
        return "neighbours taken apart into halves"
    return f"in the order {', '.join(map(str, columns[:8]))}, …"


def wrong_channels(scene: Scene) -> Rule:
    """Asks whether a few channels are wrong and the others exact."""
    if place(scene) not in ("projection", "matrix"):
        return
    wrong = scene.wrong.by_channel > scene.wrong.limit
    share = float(wrong.mean())
    if 0 < share < 0.6:
        at = np.flatnonzero(wrong)
        count = f"{wrong.sum()} of {wrong.size} channels"
        said = f"{count} are wrong, from {at[0]} to {at[-1]}, and the others exact"
        yield Cause("weight-damaged", 0.8, said)
