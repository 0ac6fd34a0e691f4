# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which symptoms of docs/divergences.md a divergence shows, by the shape of its error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .linear import _factor as best_factor
from .norms import is_norm
from .scene import Scene
from .sums import is_sum

#: The causes that a tensor's place allows, the likeliest first.
PLACES: dict[str, tuple[str, ...]] = {
    "embedding": ("embedding-scale", "vocabulary", "unloaded", "weight-damaged"),
    "norm": ("norm-kind", "norm-eps", "norm-place", "bias", "final-norm"),
    "projection": (
        *("bias", "qkv-split", "transposed", "weight-exchanged", "rope-layout", "weight-damaged"),
    ),
    "matrix": ("weight-damaged", "transposed", "bias", "gate-up", "weight-exchanged"),
    "rotated": ("rope-layout", "rope-theta", "rope-partial", "rope-layers", "rope-scaling"),
    "context": ("mask", "attention-scale", "window", "head-groups", "attention-softcap", "sinks"),
    "activations": ("activation", "gate-up"),
    "sum": ("residual-wiring", "residual-scale", "norm-place"),
    "sublayer": ("residual-scale", "norm-place", "bias"),
    "experts": ("router-norm", "router-scores", "expert-order", "router-bias", "shared-experts"),
    "head": ("tied-head", "logit-scale", "logit-softcap", "bias", "vocabulary"),
}


def place(scene: Scene) -> str:
    """Returns which of :data:`PLACES` the wrong tensor is in."""
    part, name = scene.part, scene.name
    if "embed" in name:
        return "embedding"
    if name == "lm_head":
        return "head"
    if is_norm(scene):
        return "norm"
    if is_sum(scene):
        return "sum"
    if part in ("q_rotated", "k_cached"):
        return "rotated"
    if part == "o_proj.input":
        return "context"
    if part.endswith("down_proj.input"):
        return "activations"
    if part in ("q_proj", "k_proj", "v_proj", "qkv_proj"):
        return "projection"
    if f"{scene.layer}.mlp.gate.weight" in scene.weights and ".mlp" in name:
        return "experts"
    return "matrix" if part.endswith("_proj") else "sublayer"


def symptoms(scene: Scene) -> Iterator[str]:
    """Yields the symptoms, the most telling first."""
    z, y, errors, limit = scene.z, scene.y, scene.wrong.by_token, scene.wrong.limit
    if not np.isfinite(z).all():
        yield "not-a-number"
        return
    if scene.decoding and scene.cache:
        yield "decode-only"
    if not scene.layer and "embed" not in scene.name:
        yield "logits-only"
    if scene.explained(best_factor(z, y) * y) > 0.9:
        yield "constant-factor"
    if scene.explained(y + (z - y).mean(0)) > 0.9 and len(z) > 1:
        yield "constant-offset"
    sorted_alike = np.abs(np.sort(z, -1) - np.sort(y, -1)).max()
    if sorted_alike <= max(20 * scene.noise, 1e-4) * np.abs(y).max():
        yield "permuted-channels"
    if 0 < float((scene.wrong.by_channel > limit).mean()) < 0.6:
        yield "some-channels"
    yield from _by_token(errors, limit)
    if ".mlp" in scene.name:
        yield "every-mlp"
    if place(scene) == "sum":
        yield "sum-wrong"
    if place(scene) == "experts":
        yield "some-tokens" if (errors <= limit).mean() > 0.3 else "all-experts"
    if scene.wrong.error < 0.02:
        yield "small-everywhere"


def _by_token(errors: npt.NDArray[np.float32], limit: float) -> Iterator[str]:
    if len(errors) < 3 or not errors[0] <= limit:
        return
    wrong = errors > limit
    first = int(wrong.argmax())
    if first > 1 and wrong[first:].mean() > 0.6:
        yield "from-a-position"
        return
    ranks = np.corrcoef(np.arange(len(errors)), np.argsort(np.argsort(errors)))[0, 1]
    if ranks > 0.7:
        yield "grows-with-position"
    if first == 1 and wrong[1:].mean() > 0.8:
        yield "later-positions"
