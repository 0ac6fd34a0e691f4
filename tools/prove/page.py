# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page of a divergence hunt: one file, that asks nothing of any other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hunt.causes import CAUSES
from tools.terminal.files import templates

if TYPE_CHECKING:
    from hunt.diagnosis import TensorDifference
    from hunt.divergence import Hunt

#: More columns than these are narrower than a finger, and than a pixel on a phone.
COLUMNS = 64
#: Errors from here on are all the same colour.
WORST = 1.0
SHADES = 8


@dataclass(frozen=True)
class Cell:
    """Some tokens of a row: the colour of their largest error, and what it is."""

    shade: int
    title: str


@dataclass(frozen=True)
class TapRow:
    """A row of a heat map."""

    name: str
    wrong: bool
    first: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Plot:
    """A line over positions, on a logarithmic scale.

    Attributes:
        title: What it shows.
        path: The line, in a box of 1000 by 200.
        limit: Where rounding ends, by token or by tensor, in the same box.
        low: The scale's lowest value.
        high: Its highest.
        start: The first position.
        end: The last.
    """

    title: str
    path: str
    limit: str
    low: str
    high: str
    start: str
    end: str


def shade(error: float, limit: float) -> int:
    """Returns a colour: 0 for rounding, and up to :data:`SHADES` for what is all wrong."""
    if error <= limit:
        return 0
    if not math.isfinite(error) or error >= WORST:
        return SHADES
    span = math.log(WORST / limit)
    return 1 + int((SHADES - 1) * math.log(error / limit) / span)


def _row(
    name: str, parts: Sequence[TensorDifference], first: TensorDifference | None, offset: int
) -> TapRow:
    errors = np.max([part.by_token for part in parts], axis=0)
    excess = np.max([part.by_token / part.limit for part in parts], axis=0)
    limit = max(part.limit for part in parts)
    cells = []
    for chunk in np.array_split(np.arange(len(errors)), min(len(errors), COLUMNS)):
        error = float(errors[chunk].max())
        within = float(excess[chunk].max()) <= 1
        ends = f"{chunk[0] + offset}" + (f" to {chunk[-1] + offset}" if len(chunk) > 1 else "")
        cells.append(Cell(0 if within else shade(error, limit), f"token {ends}: {error:.1e}"))
    return TapRow(name, any(p.wrong for p in parts), first in parts, tuple(cells))


def _group(name: str) -> str:
    words = name.split(".")
    return ".".join(words[:2]) if words[0] == "layers" else words[0]


def rows(hunt: Hunt) -> tuple[list[TapRow], list[TapRow]]:
    """Returns the heat map of layers, and that of the tensors around the first wrong one."""
    first, shown = hunt.first, hunt.shown
    offset = hunt.prefill if hunt.phase == "decode" else 0
    layers = [
        _row(name, list(parts), first, offset)
        for name, parts in groupby(shown, key=lambda d: _group(d.name))
    ]
    near = _group(first.name) if first else _group(shown[-1].name) if shown else ""
    tensors = [_row(d.name, [d], first, offset) for d in shown if _group(d.name) == near]
    return layers, tensors


def plot(
    title: str, values: Sequence[float], limits: Sequence[float], ends: tuple[str, str]
) -> Plot:
    """Draws values over their positions."""
    finite = [v for v in (*values, *limits) if v > 0 and math.isfinite(v)] or [1e-9, 1.0]
    low, high = 10 ** math.floor(math.log10(min(finite))), 10 ** math.ceil(math.log10(max(finite)))
    high = max(high, low * 10)

    def line(points: Sequence[float]) -> str:
        steps = max(len(points) - 1, 1)
        drawn = []
        for i, value in enumerate(points):
            value = min(max(value, low), high) if math.isfinite(value) else high
            y = 200 * (1 - math.log(value / low) / math.log(high / low))
            drawn.append(f"{1000 * i / steps:.1f},{y:.1f}")
        if len(drawn) == 1:
            drawn.append("1000," + drawn[0].split(",")[1])
        return "M" + " L".join(drawn)

    return Plot(title, line(values), line(limits), f"{low:.0e}", f"{high:.0e}", *ends)


def plots(hunt: Hunt) -> list[Plot]:
    """Returns the error along the graph, and the profiles of the first wrong tensor."""
    shown, first = hunt.shown, hunt.first
    if not shown:
        return []
    made = [
        plot(
            "Largest error of a token, along the graph",
            [d.error for d in shown],
            [d.limit for d in shown],
            (shown[0].name, shown[-1].name),
        )
    ]
    if first is None:
        return made
    offset = hunt.prefill if hunt.phase == "decode" else 0
    for what, profile, start in (
        ("token", first.by_token, offset),
        ("channel", first.by_channel, 0),
    ):
        values = [float(v) for v in profile]
        ends = f"{what} {start}", f"{what} {start + len(values) - 1}"
        made.append(plot(f"{first.name}, by {what}", values, [first.limit] * len(values), ends))
    return made


def page(hunt: Hunt, checkpoint: str, causes: Mapping[str, object] = CAUSES) -> str:
    """Returns the page."""
    environment = templates(Path(__file__).parent / "templates", markup=True)
    layers, tensors = rows(hunt)
    return environment.get_template("page.html.j2").render(
        hunt=hunt,
        checkpoint=checkpoint,
        causes=causes,
        layers=layers,
        tensors=tensors,
        plots=plots(hunt),
        shades=SHADES,
    )
