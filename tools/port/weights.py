# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports weights``: what becomes of each tensor of a checkpoint, from its headers alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import PortError
from tools.read.keys import NUMBER, spelled
from tools.terminal.output import print_json, print_table

from .package import open_package

COLUMNS = ("checkpoint", "rules", "graph", "shape", "dtype")


def weights(
    port: Annotated[str, typer.Argument(metavar="SLUG|DIR", help="A port, or its folder.")],
    checkpoint: Annotated[Path, typer.Argument(help="Directory of a checkpoint.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Shows which rules take each tensor, and what it becomes. Reads headers only.

    Exit code 0 if every tensor has its place and every parameter its tensor.

    Example: ./ports weights gpt_neox ~/checkpoints/pythia-160m
    """
    from common.adapters import audit
    from common.checkpoint import read_config
    from tools.read.config import class_name as class_of
    from tools.read.preflight import load_config, planned

    package = open_package(port)
    declared = package.port
    class_name = class_of(read_config(checkpoint))
    if class_name not in declared.classes:
        raise PortError(
            f"{checkpoint} is a {class_name}; {package.slug} is the port of {declared.class_name}"
        )
    config = load_config(checkpoint)
    plan, parameters = planned(declared.architecture(class_name), config, checkpoint)
    tensors = [*plan.dropped, *plan.produced.values()]
    misfit = None
    try:
        audit(plan.produced, parameters)
    except PortError as error:
        misfit = error
    entries = [
        {
            "from": list(tensor.origin),
            "rules": list(tensor.steps),
            "to": None if tensor.dropped else tensor.name,
            "shape": list(tensor.shape),
            "dtype": tensor.dtype.name,
            "dropped": tensor.dropped,
        }
        for tensor in tensors
    ]
    if as_json:
        print_json({"tensors": entries, "misfit": misfit and str(misfit)})
    else:
        print_table(COLUMNS, map(_row, _folded(entries)))
    if misfit:
        raise misfit


def _folded(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Entries that differ in one number only, such as a layer's, as one."""
    groups: dict[tuple[Any, ...], list[tuple[list[int], dict[str, Any]]]] = {}
    for entry in entries:
        names = [*entry["from"], entry["to"] or ""]
        parts = [NUMBER.split(name) for name in names]
        numbers = [int(n) for part in parts for n in part[1::2]]
        same = len(set(numbers)) == 1
        key = ["{}".join(part[::2]) for part in parts] if same else names
        rest = (*entry["rules"], *entry["shape"], entry["dtype"], entry["dropped"])
        groups.setdefault((*key, *rest), []).append((numbers, entry))
    for group in groups.values():
        numbers, first = group[0]
        if len(group) == 1:
            yield first
            continue
        every = spelled(found[0] for found, _ in group)
        names = [NUMBER.sub(every, name) for name in first["from"]]
        to = NUMBER.sub(every, first["to"]) if first["to"] else None
        yield first | {"from": names, "to": to}


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        ", ".join(entry["from"]),
        ", ".join(entry["rules"]),
        entry["to"] or f"dropped: {entry['dropped']}",
        "×".join(map(str, entry["shape"])) or "scalar",
        entry["dtype"],
    )
