# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a proof found, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .metrics import Agreement


@dataclass
class FixtureReport:
    """One checkpoint through the pipeline; ``prefill`` and ``decode`` are per prompt."""

    name: str
    prompts: list[int] = field(default_factory=list)
    prefill: list[Agreement] = field(default_factory=list)
    decode: list[Agreement] = field(default_factory=list)
    #: How many ranks, on one device, computed it.
    ranks: int = 1


@dataclass
class PortReport:
    """What was found about a port; it holds only if ``problems`` is empty."""

    slug: str
    encoding: str = "float32"
    fixtures: list[FixtureReport] = field(default_factory=list)
    #: Delta to the largest movement, in σ, that taking it out of the oracle makes.
    deltas: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain values."""
        return {**dataclasses.asdict(self), "holds": self.holds}


def top1(found: Sequence[Agreement]) -> float:
    """Returns the share of positions with the same argmax, over all of ``found``."""
    return sum(a.top1 * a.positions for a in found) / sum(a.positions for a in found)
