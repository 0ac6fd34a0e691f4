# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for mixtures of experts: which experts each token was given, and with which weights.

What a router chose, and how it weighed, is the share of each expert in each token. Where a router
has no output to compare, both sides' sums are solved for the shares, as all outputs are known.
"""

from __future__ import annotations

import numpy as np

from .mlp import ACTIVATIONS
from .scene import Cause, Float, Rule, Scene

#: Tokens to look at: every expert runs on each.
TOKENS = 32
#: A share below this is none.
NONE = 1e-3


def _outputs(scene: Scene, x: Float, act: str, exchanged: bool) -> Float | None:
    """Returns ``[experts, tokens, hidden]``: what every expert makes of every token."""
    names = [f"{scene.layer}.mlp.experts.{part}_proj.weight" for part in ("gate", "up", "down")]
    gate, up, down = (scene.weight(name) for name in names)
    if gate is None or up is None or down is None or gate.ndim != 3 or gate.shape[2] != x.shape[1]:
        return None
    gate, up = (up, gate) if exchanged else (gate, up)
    return np.stack(
        [
            (ACTIVATIONS[act](x @ g.T) * (x @ u.T)) @ d.T
            for g, u, d in zip(gate, up, down, strict=True)
        ]
    )


def shares(outputs: Float, target: Float) -> tuple[Float, float]:
    """Returns each expert's share in each token, ``[tokens, experts]``, and the error left."""
    solved = [
        np.linalg.lstsq(outputs[:, t].T, target[t], rcond=None)[0] for t in range(len(target))
    ]
    found = np.stack(solved)
    left = target - np.einsum("te,eth->th", found, outputs)
    return found, float(np.linalg.norm(left) / np.linalg.norm(target))


def experts(scene: Scene) -> Rule:
    """Compares the shares of the experts on either side."""
    if scene.name == f"{scene.layer}.mlp.gate":
        yield from (Cause(cause, score, said) for cause, score, said in judged(scene.y, scene.z))
        return
    if scene.name not in (f"{scene.layer}.mlp", f"{scene.layer}.mlp.experts"):
        return
    x = scene.ref(f"{scene.layer}.post_attention_layernorm")
    if x is None:
        return
    x, y, z = x[:TOKENS], scene.y[:TOKENS], scene.z[:TOKENS]
    tolerance = max(20 * scene.noise, 1e-3)
    for act in ACTIVATIONS:
        outputs = _outputs(scene, x, act, exchanged=False)
        if outputs is None:
            return
        theirs, left = shares(outputs, y)
        if left < tolerance:
            break
    else:
        return
    ours, left = shares(outputs, z)
    if left > tolerance:
        other = _outputs(scene, x, act, exchanged=True)
        if other is not None and shares(other, z)[1] < tolerance:
            yield Cause("gate-up", 1.0, "the port's experts exchange gate and up")
        else:
            yield Cause("shared-experts", 0.7, "the port's is no sum of the experts' outputs")
        return
    yield from (Cause(cause, score, said) for cause, score, said in judged(theirs, ours))


def judged(theirs: Float, ours: Float) -> list[tuple[str, float, str]]:
    """Returns what differing shares mean, ``[tokens, experts]`` each."""
    chosen = np.abs(theirs) > NONE, np.abs(ours) > NONE
    counts = [int(np.median(side.sum(1))) for side in chosen]
    if counts[0] != counts[1]:
        said = f"a token has {counts[0]} experts in the reference, {counts[1]} in the port"
        return [("router-scores", 1.0, said), ("router-bias", 0.6, said)]
    if (chosen[0] == chosen[1]).all():
        sums = [side.sum(1) for side in (theirs, ours)]
        ratios = np.where(chosen[0], ours / np.where(chosen[0], theirs, 1), np.nan)
        spread = np.nanmax(ratios, 1) - np.nanmin(ratios, 1)
        said = f"a token's shares add up to {sums[0].mean():.3g}, and to {sums[1].mean():.3g} here"
        if (spread < 0.01 * np.nanmax(np.abs(ratios), 1)).all():
            return [("router-norm", 1.0, said), ("router-scores", 0.6, said)]
        return [("router-scores", 1.0, said), ("router-norm", 0.7, said)]
    distance = np.abs(theirs[:, :, None] - ours[:, None]).sum(0)
    order = distance.argmin(0)
    if len({*order}) == len(order) and np.allclose(theirs[:, order], ours, atol=0.01):
        said = f"the port's experts are the reference's {', '.join(map(str, order[:12]))}"
        return [("expert-order", 1.0, said)]
    same = (chosen[0] == chosen[1]).all(1).mean()
    said = f"{1 - same:.0%} of the tokens have other experts"
    return [("router-bias", 0.8, said), ("router-scores", 0.75, said)]
