# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports weights``: what becomes of each tensor of a checkpoint, from its headers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import PortError
from tools.terminal.output import print_json, print_table

COLUMNS = ("checkpoint", "rules", "graph", "shape", "dtype")


def weights(
    slug: Annotated[str, typer.Argument(help="A port; see `./ports list`.")],
    checkpoint: Annotated[Path, typer.Argument(help="Directory of a checkpoint.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Shows which rules take each tensor, and what it becomes. Reads headers only.

    Exit code 0 if every tensor has its place and every parameter its tensor.

    Example: ./ports weights gpt_neox ~/checkpoints/pythia-160m
    """
    from architectures import load_port
    from common.adapters import audit
    from common.checkpoint import read_config
    from tools.read.preflight import load_config, planned, port_class

    port = load_port(slug)
    class_name = port_class(read_config(checkpoint))
    if class_name not in port.classes:
        raise PortError(f"{checkpoint} is a {class_name}; {slug} is the port of {port.class_name}")
    plan, parameters = planned(port.architecture(class_name), load_config(checkpoint), checkpoint)
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
        print_table(COLUMNS, map(_row, entries))
    if misfit:
        raise misfit


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        ", ".join(entry["from"]),
        ", ".join(entry["rules"]),
        entry["to"] or f"dropped: {entry['dropped']}",
        "×".join(map(str, entry["shape"])) or "scalar",
        entry["dtype"],
    )
