# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What ``ports inspect`` prints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tools.terminal.output import many, plain

from .config_keys import DELTA, DIMENSION, IGNORABLE, MACRO
from .features import YES

if TYPE_CHECKING:
    from .inspect import Inspection, KeyRow


def print_inspection(found: Inspection, console: Console) -> None:
    """Prints what is known of a model, key by key."""

    def line(text: str) -> None:
        console.print(escape(plain(text)))

    console.print(f"[bold]{escape(plain(found.model))}[/]")
    line(f"class {found.class_name}, model_type {found.model_type}")
    line(f"reference: {found.reference or 'none in transformers'}")
    if found.refused:
        console.print(f"[bold red]registered, but refused[/]: {escape(plain(found.refused))}")
    elif found.served:
        slug, origin = found.served
        command = "./ports serve" if origin == "ports" else "max serve --model-path"
        console.print(
            f"[bold green]already registered[/] ({slug}, {origin}); serve it:"
            f" {command} {escape(plain(found.model))}"
        )
    if found.weights:
        line(f"weights: {found.weights}")
    elif found.parameters is not None:
        line(f"{many(found.parameters)} parameters, {found.dtype}")
    elif found.dtype:
        line(f"packed as {found.dtype}; parameters unknown")
    _print_rows(found.rows, console)
    for check in found.checks:
        if check.note:
            line(
                f"{check.key}: config {check.config}, {check.tensor} {check.weights}; {check.note}"
            )
    good = sum(not check.note for check in found.checks)
    line(f"{good} of {len(found.checks)} sizes agree with the headers")
    verdict = {True: "fits", False: "does not fit", None: "may fit"}[found.fit.fits]
    console.print(f"\n[bold]{verdict}[/] {escape(plain(found.fit.gpu))}")
    if found.fit.devices and found.fit.devices > 1:
        line(f"  fits {found.fit.devices} of them; a port divides over these")
    for step in found.fit.arithmetic:
        line(f"  {step}")
    _print_differences(found, console)


def _print_rows(found: Iterable[KeyRow], console: Console) -> None:
    by_kind: dict[str, list[KeyRow]] = {kind: [] for kind in (MACRO, DELTA, DIMENSION, IGNORABLE)}
    for row in found:
        by_kind[row.kind].append(row)
    for kind, listed in by_kind.items():
        if not listed:
            continue
        console.print(f"\n[bold]{kind}[/]")
        if kind == IGNORABLE:
            console.print(escape(plain(", ".join(row.key for row in listed))), style="dim")
            continue
        said = [row for row in listed if not row.off]
        if not console.is_terminal:
            for row in said:
                console.print(escape(f" {plain(row.key)}  {row.value}  {row.destination}"))
            said = []
        table = Table(
            Column(overflow="fold", min_width=24),
            Column(overflow="fold", ratio=2),
            Column(ratio=3),
            box=None,
            show_header=False,
            expand=True,
        )
        for row in said:
            table.add_row(escape(plain(row.key)), escape(row.value), escape(row.destination))
        if said:
            console.print(table)
        if any(row.off for row in listed):
            off = ", ".join(row.key for row in listed if row.off)
            console.print(escape(plain(f" as without it: {off}")), style="dim")


def _print_differences(found: Inspection, console: Console) -> None:
    if found.differences is None:
        console.print("\nno reference code: neither differences nor donors can be told")
        return
    console.print("\n[bold]differences from a plain decoder[/], by the reference's code")
    for each in found.differences:
        here = "" if each.state == YES else " (another checkpoint of the class)"
        more = f", {len(each.references)} methods" if len(each.references) > 1 else ""
        named = "" if each.name == each.references[0] else f"{each.references[0]}, "
        style = "dim" if here else ""
        said = escape(plain(f"  {each.name}{here}: {named}{each.where}{more}"))
        console.print(said, style=style)
    derived = [donor for donor in found.donors[:1] if donor.named]
    more = "; transformers derives the class from the first" if derived else ""
    console.print(f"\n[bold]donors[/], nearest first{more}")
    for donor in found.donors[:5]:
        names = [each.name for each in donor.differences] + [f"no {name}" for name in donor.removes]
        said = ", ".join(names) or "nothing differs"
        line = f"  {len(donor.differences)} {donor.slug} ({donor.origin}): {said}"
        console.print(escape(plain(line)))
