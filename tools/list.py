# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""``ports list``: the ports, what they register, and when they were last proven."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from common.testing.declare import load_port, slugs

from . import proof

COLUMNS = ("port", "class", "encodings", "deltas", "last proof")


def _entries() -> list[dict[str, Any]]:
    entries = []
    for slug in slugs():
        port = load_port(slug)
        architecture = port.architecture()
        entries.append(
            {
                "port": slug,
                "class": ", ".join(port.classes),
                "encodings": sorted(architecture.supported_encodings),
                "deltas": [delta.name for delta in port.deltas],
                "checkpoints": architecture.example_repo_ids,
                "proof": proof.last(slug),
            }
        )
    return entries


def _proof(found: dict[str, Any] | None) -> str:
    if not found:
        return "none"
    return "; ".join(
        f"{encoding} {shown['date']}: max |Δlogit| {shown['max_sigma']:.0e} σ"
        for encoding, shown in found["parity"].items()
    )


def _row(entry: dict[str, Any]) -> list[str]:
    return [
        entry["port"],
        entry["class"],
        ", ".join(entry["encodings"]),
        str(len(entry["deltas"])),
        _proof(entry["proof"]),
    ]


def markdown_table() -> str:
    """Returns the support matrix of the README."""
    rows = [_row(entry) for entry in _entries()]
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in line)} |\n" for line in lines
    )


def list_ports(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the support matrix of the README.")
    ] = False,
) -> None:
    """Lists the ports.

    Example: ./ports list --markdown
    """
    if markdown:
        print(markdown_table(), end="")
        return
    entries = _entries()
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    table = Table(*(Column(name, no_wrap=name != COLUMNS[-1]) for name in COLUMNS))
    for entry in entries:
        *cells, proven = _row(entry)
        stale = entry["proof"] and not entry["proof"]["current"]
        table.add_row(*cells, proven + (", code changed since" if stale else ""))
    Console().print(table)
