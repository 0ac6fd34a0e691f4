# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How commands print: tables for people, a line a row for other programs, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table


def printer(*, stderr: bool = False) -> Console:
    """Returns what prints reports: colours and wrapped lines on a terminal, plain lines elsewhere.

    Args:
        stderr: Whether to print to standard error.
    """
    # A colon, a number and a colon are a line of a file, and no emoji.
    console = Console(stderr=stderr, highlight=False, emoji=False)
    # What another program reads keeps a line a line.
    console.soft_wrap = not console.is_terminal
    return console


def print_json(found: Any) -> None:
    """Prints what a program will read."""
    print(json_text(found))


def json_text(found: Any) -> str:
    """Returns JSON for files and pipes."""
    return json.dumps(found, indent=2)


def plain(text: str) -> str:
    """Returns text of a checkpoint as it can be printed: in one line, nothing for the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table on a terminal, and lines of tab-separated cells elsewhere.

    However narrow the terminal, the first column is whole: it names the row.
    """
    console = printer()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(map(plain, row)))
        return
    first, *others = columns
    table = Table(Column(first, no_wrap=True), *(Column(name, overflow="fold") for name in others))
    for row in rows:
        table.add_row(*(escape(plain(cell)) for cell in row))
    console.print(table)


def size(count: float) -> str:
    """Returns a number of bytes as a person says it, such as ``14.2 GiB``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def many(count: float) -> str:
    """Returns a count of parameters as a person says it, such as ``7.2 B``."""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f}"
