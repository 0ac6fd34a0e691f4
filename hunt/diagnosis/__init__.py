# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Why a tensor is wrong: hypotheses over the tensors around the first divergence, by rank.

Each rule computes what a fault would give, and says which share of the error that explains; where
none does, the shape of the error and its place say what is usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hunt.diagnosis.difference import (
    ROUNDING,
    Rounding,
    Taps,
    TensorDifference,
    comparable,
    differences,
    first_wrong,
)
from hunt.diagnosis.scene import EXPLAINS, Cause, Scene
from hunt.diagnosis.shapes import PLACES, place, symptoms

from . import attention, channels, experts, linear, mlp, norms, rotation, rounding, sums

__all__ = [
    "ROUNDING",
    "Cause",
    "Rounding",
    "Scene",
    "Taps",
    "TensorDifference",
    "comparable",
    "diagnose",
    "differences",
    "first_wrong",
    "place",
    "symptoms",
]

RULES = (
    rotation.rotary,
    rotation.head_norms,
    norms.norm,
    mlp.activations,
    experts.experts,
    attention.context,
    sums.residual,
    *linear.RULES,
    channels.permuted,
    channels.wrong_channels,
    rounding.lost_bits,
)
#: The score of the first cause that a symptom suggests, and how much less each next one has.
USUAL, STEP = 0.45, 0.01


def diagnose(scene: Scene, table: Mapping[str, Sequence[str]]) -> tuple[list[str], list[Cause]]:
    """Returns the symptoms, and the causes by score.

    Args:
        scene: The divergence.
        table: The causes of each symptom, the likeliest first.
    """
    seen = list(symptoms(scene))
    found: dict[str, Cause] = {}
    if seen[:1] != ["not-a-number"]:
        for rule in RULES:
            for cause in rule(scene):
                if cause.score > EXPLAINS and cause.score > _score(found, cause.id):
                    found[cause.id] = cause
    for cause in _usual(scene, seen, table):
        if cause.id not in found:
            found[cause.id] = cause
    return seen, sorted(found.values(), key=lambda cause: -cause.score)


def _score(found: Mapping[str, Cause], key: str) -> float:
    return found[key].score if key in found else 0.0


def _usual(scene: Scene, seen: Sequence[str], table: Mapping[str, Sequence[str]]) -> list[Cause]:
    """Returns what the symptoms suggest: what the tensor's place allows comes first."""
    where = place(scene)
    allowed = PLACES[where]
    causes: dict[str, str] = {}
    for symptom in seen:
        for key in table.get(symptom, ()):
            free = symptom in ("decode-only", "not-a-number")
            if key in allowed or free:
                causes.setdefault(key, f"usual where {symptom} is seen")
    for key in allowed:
        causes.setdefault(key, f"usual where the {where} is wrong")
    return [Cause(key, USUAL - STEP * i, said) for i, (key, said) in enumerate(causes.items())]
