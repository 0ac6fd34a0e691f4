# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports missing``: what transformers can generate text with, and neither MAX nor a port serves.

It derives from the table of causal classes of the installed transformers. Each has the walls of its
default config and of its code, and its nearest donor; nothing is imported or run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from tools.terminal.output import print_json, print_table, printer
from tools.terminal.progress import progress_line

from . import installed, walls
from .differences import donors
from .ledger import ledger
from .reference import config_defaults
from .source import Source

COLUMNS = ("model type", "class", "walls", "donor", "methods", "differences")


@dataclass(frozen=True)
class Missing:
    """A class that nothing here serves.

    Attributes:
        model_type: transformers' name of the architecture.
        name: The class.
        walls: What would stop a port of it at its default config.
        donor: The class to start from.
        methods: How many of its methods differ from the donor's, or are new.
        differences: How many differences these make, what the config decides among them.
        lines: How many lines of its reference are not in the donor's.
    """

    model_type: str
    name: str
    walls: tuple[walls.Finding, ...]
    donor: str
    methods: int
    differences: int
    lines: int

    @property
    def ease(self) -> tuple[int, int, int, str]:
        """Sorts what is easiest first: no walls, few differing methods, few lines."""
        return len(self.walls), self.methods, self.lines, self.model_type

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values, its class as ``class``."""
        found = asdict(self)
        return {"model_type": found.pop("model_type"), "class": found.pop("name"), **found}


def unserved() -> dict[str, str]:
    """Returns the model types of which nothing here serves the class, each with the class."""
    served = installed.max_names().keys() | installed.port_names().keys()
    return {t: name for name, t in installed.causal_types().items() if name not in served}


def missing() -> Iterator[Missing]:
    """Yields them in transformers' order: about 0.2 s each."""
    for model_type, name in unserved().items():
        config = dict(config_defaults(model_type))
        # The config of a part, such as an encoder of images, is made where none is given.
        parts = {k: {"of": k} for k, v in config.items() if v is None and k.endswith("_config")}
        asked = config | parts | {"architectures": [name], "model_type": model_type}
        found = walls.found(Source(model_type, asked, (), lambda: [], None))
        nearest = donors(model_type, config, name)[0]
        differing = [e for e in ledger(model_type, nearest.model_type, name) if e.differs]
        yield Missing(
            model_type,
            name,
            tuple(wall for wall in found if wall.level == walls.BLOCKER),
            nearest.name,
            len(differing),
            len(nearest.differences),
            nearest.lines,
        )


def list_missing(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lists the classes that generate text and nothing here serves, easiest first.

    With the walls of each, the class to start from, and how many of its methods differ.

    Example: ./ports missing
    """
    rows = []
    total = len(unserved())
    with progress_line(printer(stderr=True)) as say:
        say(f"comparing {total} classes")
        for row in missing():
            rows.append(row)
            if len(rows) % 25 == 0:
                say(f"{len(rows)} of {total} classes")
    rows.sort(key=lambda row: row.ease)
    if as_json:
        print_json([row.to_json() for row in rows])
        return
    print_table(COLUMNS, map(_cells, rows))


def _cells(row: Missing) -> tuple[str, ...]:
    named = ", ".join(wall.name for wall in row.walls) or "-"
    return row.model_type, row.name, named, row.donor, str(row.methods), str(row.differences)
