# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Parity: the port's logits beside the oracle's, position by position, and what they may differ by.

Limits are next to their reasons here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.declaration import PROMPTS

from .metrics import Agreement, agreement
from .oracle import Oracle
from .report import FixtureReport, top1

#: Greedy steps; the first token comes from the prefill, so this is 24 decode steps.
NEW_TOKENS = 25


@dataclass(frozen=True)
class Limits:
    """What :class:`Agreement` may be; ``top1`` is over all prompts of a phase.

    Attributes:
        tie: The lead, in σ, below which the oracle's choice of a token counts as none.
    """

    max_sigma: float
    kl: float
    cosine: float
    top1: float
    tie: float = 0.0


LIMITS = {
    # Both sides differ by rounding only: 2e-5 σ was the most measured over the ports of this
    # repository; a wrong constant or a missed token moves logits by 1e-2 σ and more. KL and
    # cosine distance are quadratic in it; 2e-11 was the most measured.
    "float32": Limits(max_sigma=1e-4, kl=1e-8, cosine=1e-8, top1=1.0),
    # Against the float32 oracle. KL and cosine are those that MAX asks of a new architecture; a
    # single logit may be off by a few roundings of 2^-8. Random logits are full of near ties:
    # transformers' own bfloat16 chooses another token at up to 4.5 % of the positions of a
    # fixture, and gives up leads of up to 0.033 σ by it.
    "bfloat16": Limits(max_sigma=np.inf, kl=0.01, cosine=0.001, top1=0.99, tie=0.05),
}


def tokens(length: int, seed: int = 0) -> list[int]:
    """Returns random byte tokens, which every fixture's vocabulary holds."""
    return np.random.default_rng((seed, length)).integers(0, 256, length).tolist()


def compare(model: Any, oracle: Oracle, name: str, encoding: str = "float32") -> FixtureReport:
    """Runs a built pipeline over the ragged batch and compares every position."""
    from .harness import generate

    report, tie = FixtureReport(name), LIMITS[encoding].tie
    for row in generate(model, [tokens(n) for n in PROMPTS], NEW_TOKENS):
        expected = oracle.logits(row.tokens[:-1])
        report.prompts.append(row.prompt)
        for found, at in (
            (report.prefill, slice(row.prompt)),
            (report.decode, slice(row.prompt, None)),
        ):
            found.append(agreement(row.logits[at], expected[at], tie=tie))
    return report


def disagreements(report: FixtureReport, encoding: str = "float32") -> Iterator[str]:
    """Yields where a comparison misses the limits of an encoding."""
    limits = LIMITS[encoding]
    for phase in ("prefill", "decode"):
        all_found: list[Agreement] = getattr(report, phase)
        for prompt, found in zip(report.prompts, all_found, strict=True):
            where = f"{report.name}: {phase} after a prompt of {prompt}"
            if not found.max_sigma <= limits.max_sigma:
                yield f"{where}: max |Δlogit| {found.max_sigma:.1e} σ > {limits.max_sigma:.0e}"
            if not found.kl <= limits.kl:
                yield f"{where}: KL {found.kl:.1e} > {limits.kl:.0e}"
            if not found.cosine <= limits.cosine:
                yield f"{where}: cosine distance {found.cosine:.1e} > {limits.cosine:.0e}"
        same = top1(all_found)
        if not same >= limits.top1:
            yield f"{report.name}: {phase}: {same:.1%} of greedy tokens agree, < {limits.top1:.0%}"
