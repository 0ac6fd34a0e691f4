# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports verify``: fixtures, witnesses, and parity with transformers through the real pipeline."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from architectures import load_port, slugs
from common.declaration import Port
from common.errors import PortError
from proof import record as proof
from proof.checks import MIN_MOVED
from proof.metrics import Agreement
from proof.parity import LIMITS
from proof.report import PortReport, top1
from tools.terminal.output import print_json, printer
from tools.terminal.progress import progress_line

from .tiers import TIERS
from .tiers import run as run_tier


def _worst(found: list[Agreement]) -> list[str]:
    return [
        f"{max(a.max_sigma for a in found):.1e}",
        f"{max(a.kl for a in found):.1e}",
        f"{max(a.cosine for a in found):.1e}",
        f"{top1(found):.1%}",
    ]


def print_report(report: PortReport, console: Console) -> None:
    """Prints the tables and the verdict of one port."""
    table = Table(
        Column("fixture", no_wrap=True),
        "phase",
        "positions",
        "max |Δlogit|/σ",
        "KL",
        "cosine",
        "top-1",
    )
    for fixture in report.fixtures:
        for phase in ("prefill", "decode"):
            found: list[Agreement] = getattr(fixture, phase)
            positions = str(sum(a.positions for a in found))
            table.add_row(fixture.name, phase, positions, *_worst(found))
    console.print(f"\n[bold]{report.slug}[/]")
    console.print(table)
    table = Table("delta", f"without it, max |Δlogit|/σ (> {MIN_MOVED})")
    for name, distance in report.deltas.items():
        table.add_row(name, f"{distance:.2f}")
    console.print(table)
    for problem in report.problems:
        console.print(f"[red]✗[/] {escape(problem)}")
    verdict = "[green]holds[/]" if report.holds else f"[red]{len(report.problems)} problems[/]"
    console.print(f"{report.slug}: {verdict}")


def _stale(slugs: list[str], encoding: str, log: Console) -> list[str]:
    """Returns the ports that have to be proven, and says why, and which are passed over."""
    stale: dict[str, list[str]] = {}
    with progress_line(log) as progress:
        for slug in slugs:
            progress(f"{slug}: what has changed since its proof")
            known = proof.last(slug)
            never = known is not None and encoding not in known["parity"]
            changed = proof.changed(slug) + [f"never proven in {encoding}"] * never
            if changed:
                stale[slug] = changed
    for slug, changed in stale.items():
        log.print(f"{slug}: {', '.join(changed)}", highlight=False)
    if passed := [slug for slug in slugs if slug not in stale]:
        said = f"passed over, since proven as they are: {', '.join(passed)}"
        log.print(f"{said}; --all proves them too", highlight=False)
    return list(stale)


def _verify_tier(number: int, ports: list[Port], as_json: bool, log: Console) -> None:
    chosen = TIERS[number - 1]
    if chosen.run is None:
        log.print(f"tier {number}, {chosen.name}, finds {chosen.finds}; run:", highlight=False)
        print(chosen.command)
        raise typer.Exit(3)
    with progress_line(log) as progress:
        results = run_tier(number, ports, progress)
    if as_json:
        print_json([result.to_json() for result in results])
    else:
        for result in results:
            verdict = "[green]holds[/]" if result.holds else "[red]does not hold[/]"
            said = f"{result.port}: {chosen.name}: {escape(result.why)}: {verdict}"
            printer().print(said)
    if not all(result.holds for result in results):
        raise typer.Exit(1)


def verify(
    ports: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SLUG]...", help="Ports; if none, those whose proof is stale."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Prove all ports, also those proven as they are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    compiled: Annotated[
        Path | None, typer.Option(help="What `./ports compile` made of these ports.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="What the port computes in: float32 or bfloat16.")
    ] = "float32",
    record: Annotated[
        bool, typer.Option("--record", help="Keep the result as the port's proof.json.")
    ] = False,
    tier: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=len(TIERS),
            help="1 smoke, 2 greedy text, 3 probe, 4 perplexity, 5 benchmark, 6 logit parity.",
        ),
    ] = None,
) -> None:
    """Proves ports against transformers in float32, on the CPU. Exit code 0 if all holds.

    Without names it proves the ports whose graphs, weight plans or fixtures have changed since
    their last proof, or that were proven with another MAX or transformers.
    Without --tier this is logit parity, which finds all that the others find on tiny checkpoints.
    A tier that cannot run here prints the command to run elsewhere, with exit code 3.

    Example: ./ports verify smollm3
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    if encoding not in LIMITS:
        raise PortError(f"no encoding {encoding!r}; ports compute in {' or '.join(LIMITS)}")
    if ports and everything:
        raise PortError("--all proves every port: name none with it")
    # Standard output is the result's; progress is for people.
    log = Console(stderr=True)
    chosen = ports or slugs()
    if not ports and not everything and tier in (None, len(TIERS)):
        chosen = _stale(chosen, encoding, log)
    declared = [load_port(slug) for slug in chosen]
    if tier is not None and tier < len(TIERS):
        if encoding != "float32" or compiled or record:
            raise PortError("--encoding, --compiled and --record are for tier 6, the logits")
        _verify_tier(tier, declared, as_json, log)
        return
    with progress_line(log) as progress, tempfile.TemporaryDirectory() as directory:
        progress("importing MAX and transformers")
        from common.compiled.record import Record
        from proof.verify import verify as run

        if compiled:
            Record.read(compiled)  # Before the work, for what is no such folder.
        reports = run(declared, Path(directory), progress, compiled, encoding)
    if as_json:
        print(json.dumps([report.to_json() for report in reports], indent=2))
    else:
        for report in reports:
            print_report(report, printer())
    for report in reports:
        if record and report.holds:
            log.print(f"recorded {proof.record(report).relative_to(proof.ROOT)}")
    if not all(report.holds for report in reports):
        sys.exit(1)
