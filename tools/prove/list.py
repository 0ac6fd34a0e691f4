# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports list``: the ports, what they register, and when they were last proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from architectures import load_port, slugs
from common.errors import PortError
from proof import record
from tools.terminal.files import write_whole
from tools.terminal.output import print_table

COLUMNS = ("port", "class", "encodings", "deltas", "last proof")
#: The page that is generated, and what comes before its table.
PAGE = Path("docs/ports.md")
TITLE = """# Ports

Written by `./ports list --markdown --write`; do not edit it by hand. σ is the standard deviation of
the reference's logits. A proof says what was measured where; on a GPU the same graph runs on MAX's
GPU kernels, which a proof on a CPU does not cover. Ranks are a decoder divided as for so many
devices, all of them on one CPU: what MAX's collectives do between devices ran nowhere yet.

"""


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
                "proof": record.last(slug),
                "touched": record.touched(slug),
            }
        )
    return entries


def _proof(found: dict[str, Any] | None) -> str:
    if not found:
        return "none"
    return "; ".join(
        f"{encoding} {shown['date']}: max |Δlogit| {shown['max_sigma']:.0e} σ"
        + "".join(f", {n} ranks {most:.0e} σ" for n, most in shown.get("ranks", {}).items())
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


def page() -> str:
    """Returns docs/ports.md: the support matrix."""
    rows = [_row(entry) for entry in _entries()]
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return TITLE + "".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in line)} |\n" for line in lines
    )


def list_ports(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page of the support matrix.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="With --markdown: write it to docs/ports.md.")
    ] = False,
) -> None:
    """Lists the ports.

    Example: ./ports list --markdown --write
    """
    if write and not markdown:
        raise PortError("--write goes with --markdown")
    if write:
        write_whole(record.ROOT / PAGE, page())
        return
    if markdown:
        print(page(), end="")
        return
    entries = _entries()
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    rows = []
    for entry in entries:
        *cells, proven = _row(entry)
        stale = entry["proof"] and entry["touched"]
        rows.append((*cells, proven + (", code changed since" if stale else "")))
    print_table(COLUMNS, rows)
