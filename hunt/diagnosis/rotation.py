# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for rotary positions: what was done to q and k on either side, read from the tensors.

A rotation multiplies each pair of columns by one unit number for each position, whatever the head;
so pairing, rotated columns, frequencies, factor and position follow from q before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .scene import Cause, Float, Rule, Scene

Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Rotation:
    """What positions did to the columns of a head.

    Attributes:
        pairing: ``none``, ``halves`` (j with j + dim / 2) or ``neighbours`` (2j with 2j + 1).
        columns: How many rotate.
        factor: On what is rotated.
        frequencies: Radians a position, of each pair that rotates.
        turns: ``[tokens, pairs]``, the numbers that pairs are multiplied by.
    """

    pairing: str
    columns: int
    factor: float
    frequencies: Float
    turns: Complex

    @property
    def theta(self) -> float:
        """The base of the frequencies, if they are powers of one."""
        steps = -2 * np.arange(len(self.frequencies)) / self.columns
        kept = self.frequencies > 1e-6
        return float(np.exp(_slope(steps[kept], np.log(self.frequencies[kept]))))

    @property
    def is_power(self) -> bool:
        """Whether the frequencies are powers of one base."""
        expected = self.theta ** (-2 * np.arange(len(self.frequencies)) / self.columns)
        return bool(np.allclose(self.frequencies, expected, rtol=0.02, atol=1e-4))

    def __str__(self) -> str:
        if self.pairing == "none":
            return "does not rotate"
        base = f"θ = {self.theta:.4g}" if self.is_power else "frequencies of no one base"
        scale = f", times {self.factor:.4g}" if abs(self.factor - 1) > 0.01 else ""
        return f"rotates {self.columns} columns paired as {self.pairing}, {base}{scale}"


def _slope(x: Any, y: Any) -> float:
    return float((x * y).sum() / (x * x).sum()) if (x * x).sum() else 0.0


def _pairs(heads: Float, pairing: str, dim: int) -> Complex:
    """Returns ``[tokens, heads, dim / 2]`` complex numbers, one for each pair of columns."""
    rotating = heads[..., :dim]
    if pairing == "halves":
        return rotating[..., : dim // 2] + 1j * rotating[..., dim // 2 :]
    return rotating[..., 0::2] + 1j * rotating[..., 1::2]


def _turns(before: Float, after: Float, pairing: str, dim: int) -> tuple[Complex, float]:
    """Returns the best turns of each position and pair, and the relative error they leave."""
    a, b = _pairs(before, pairing, dim), _pairs(after, pairing, dim)
    turns = (np.conj(a) * b).sum(1) / np.maximum((np.abs(a) ** 2).sum(1), 1e-30)
    left = np.linalg.norm(b - turns[:, None] * a) ** 2
    left += np.linalg.norm(after[..., dim:] - before[..., dim:]) ** 2
    return turns, float(np.sqrt(left) / np.linalg.norm(after))


def rotation(before: Float, after: Float, noise: float) -> Rotation | None:
    """Returns what turns ``before`` into ``after``, ``[tokens, heads, head_dim]``, if one does."""
    head_dim = before.shape[-1]
    tolerance = max(8 * noise, 1e-4)
    if np.linalg.norm(after - before) <= tolerance * np.linalg.norm(before):
        return Rotation("none", 0, 1.0, np.zeros(0), np.ones((len(before), 0), np.complex128))
    # Fewer columns first: a rotation of some is one of all with frequencies of 0.
    dims = sorted({head_dim // 4, head_dim // 2, head_dim * 3 // 4, head_dim} - {0})
    candidates = [
        (left, dim, pairing, turns)
        for dim in dims
        if dim % 2 == 0
        for pairing in ("halves", "neighbours")
        for turns, left in [_turns(before, after, pairing, dim)]
        if left <= tolerance
    ]
    if not candidates:
        return None
    _, _, pairing, turns = min(candidates, key=lambda found: (found[1], found[0]))
    angles = np.unwrap(np.angle(turns), axis=0)
    steps = np.arange(len(turns)) - (len(turns) - 1) / 2
    frequencies = np.array([_slope(steps, column) for column in angles.T])
    moving = np.abs(turns - turns[:1]).max(0) > 50 * tolerance / len(turns)
    rotating = int(np.flatnonzero(moving).max(initial=-1)) + 1
    return Rotation(
        pairing, 2 * rotating, float(np.abs(turns).mean()), frequencies[:rotating], turns
    )


def _sides(scene: Scene, rows: slice) -> tuple[Rotation | None, Rotation | None]:
    q, k = f"{scene.owner}.q_rotated", f"{scene.owner}.k_cached"
    found = []
    for side in (scene.reference, scene.port):
        before, after = [], []
        for rotated, names in ((q, ("q_norm", "q_proj")), (k, ("k_norm", "k_proj"))):
            given = next((f"{scene.owner}.{n}" for n in names if f"{scene.owner}.{n}" in side), "")
            if given and rotated in side and side[given].size == side[rotated].size:
                shape = (len(side[rotated]), -1, scene.head_dim)
                before.append(side[given].reshape(shape)[rows].astype(np.float64))
                after.append(side[rotated].reshape(shape)[rows].astype(np.float64))
        both = before and np.concatenate(before, 1), after and np.concatenate(after, 1)
        found.append(rotation(*both, scene.noise) if before else None)  # type: ignore[arg-type]
    return found[0], found[1]


def head_norms(scene: Scene) -> Rule:
    """Asks whether heads are normed on one side only: a rotation keeps their lengths."""
    if scene.part not in ("q_rotated", "k_cached"):
        return
    shape = (len(scene.z), -1, scene.head_dim)
    lengths = [np.linalg.norm(side.reshape(shape), axis=-1) for side in (scene.y, scene.z)]
    spread = [float(np.std(length) / np.mean(length)) for length in lengths]
    ratios = lengths[1] / np.maximum(lengths[0], 1e-30)
    if np.std(ratios) > 0.02 * np.mean(ratios):
        theirs, ours = (f"{share:.1%}" for share in spread)
        said = f"the lengths of heads vary by {theirs} in the reference, by {ours} in the port"
        yield Cause("qk-norm", 0.95 if min(spread) < 0.02 else 0.75, said)


def rotary(scene: Scene) -> Rule:
    """Compares what positions did to q and k."""
    if scene.part not in ("q_rotated", "k_cached"):
        return
    theirs, ours = _sides(scene, scene.rows)
    said = f"the reference {theirs or 'does something else'}; the port {ours or 'something else'}"
    if theirs and ours and (behind := _behind(theirs, ours)):
        said += f", by {abs(behind)} {'behind' if behind < 0 else 'ahead of'} the token's position"
    for cause, score in _judged(scene, theirs, ours):
        yield Cause(cause, score, said)


def _behind(theirs: Rotation, ours: Rotation) -> int:
    """Returns by how many positions the port rotates too far, if that is all that differs."""
    if theirs.turns.shape != ours.turns.shape or not len(theirs.frequencies):
        return 0
    apart = (ours.turns * np.conj(theirs.turns))[:, 0]
    return round(float(np.angle(apart.mean()) / theirs.frequencies[0]))


def _judged(
    scene: Scene, theirs: Rotation | None, ours: Rotation | None
) -> list[tuple[str, float]]:
    if theirs is None or ours is None:
        # A layout that only one side explains was permuted twice, or not at all.
        return [("rope-layout", 0.7), ("rope-partial", 0.6)]
    if scene.decoding:
        return [("cache-position", 0.95), ("rope-scaling", 0.4)]
    if (theirs.pairing == "none") != (ours.pairing == "none"):
        return [("rope-layers", 1.0), ("layer-pattern", 0.6)]
    if theirs.pairing != ours.pairing:
        return [("rope-layout", 1.0)]
    if theirs.columns != ours.columns:
        return [("rope-partial", 1.0), ("rope-theta", 0.3)]
    shared = min(len(theirs.frequencies), len(ours.frequencies))
    product = theirs.frequencies[:shared] * ours.frequencies[:shared]
    if shared and (product < 0).sum() > shared / 2:
        return [("rope-layout", 1.0)]
    if abs(ours.factor / theirs.factor - 1) > 0.01:
        return [("rope-scaling", 1.0), ("attention-scale", 0.5)]
    if np.allclose(theirs.frequencies, ours.frequencies, rtol=1e-3, atol=1e-5):
        return [("cache-position", 0.9), ("rope-scaling", 0.4)]
    if theirs.is_power and ours.is_power:
        return [("rope-theta", 1.0), ("rope-scaling", 0.4)]
    return [("rope-scaling", 1.0), ("rope-theta", 0.4)]
