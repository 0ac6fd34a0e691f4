# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports gates``: everything about a port that can be known before anything compiles."""

from __future__ import annotations

import json
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from common.errors import PortError
from tools.read.source import open_source
from tools.terminal.files import write_whole
from tools.terminal.output import print_json, printer

from .conditions import GATES, PREFLIGHT, Candidate, Shut
from .package import BrokenPortError, Package, open_package


class Phase(StrEnum):
    """How far to go."""

    PREFLIGHT = "preflight"
    VERIFY = "verify"


@dataclass(frozen=True)
class Gate:
    """One check.

    Attributes:
        name: What it checks.
        passed: Whether it holds.
        why: What was found, in a line.
        causes: What is wrong, each in a line; those that an earlier gate gave are left out.
    """

    name: str
    passed: bool
    why: str
    causes: tuple[str, ...] = ()


def _causes(error: BaseException, package: Package) -> tuple[str, ...]:
    if isinstance(error, Shut):
        return error.causes
    text = " ".join(str(error.__cause__ or error).split())
    if isinstance(error, PortError):
        return (text,)
    # A port in the making may fail in any way. What is not ours may be pages long.
    text = f"{type(error).__name__}: {text if len(text) <= 400 else f'{text[:397]}...'}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).parent == package.directory]
    return (f"{Path(own[-1].filename).name}:{own[-1].lineno}: {text}" if own else text,)


def passed(subject: Candidate, phase: Phase) -> Iterator[Gate]:
    """Yields the gates of a phase, tried in order; each cause once."""
    known: dict[str, str] = {}
    for name, check in PREFLIGHT if phase is Phase.PREFLIGHT else GATES:
        try:
            yield Gate(name, True, check(subject))
            continue
        except Exception as error:
            causes = _causes(error, subject.package)
        new = tuple(cause for cause in causes if cause not in known)
        known |= {cause: name for cause in new if cause not in known}
        first = known[causes[0]] if causes else name
        yield Gate(name, False, "; ".join(new) or f"as the gate {first} says", new)


def run(name: str, checkpoints: Sequence[str], phase: Phase) -> Iterator[Gate]:
    """Tries the gates of a port against checkpoints, or else against those of its fixtures.

    Raises:
        PortError: If there is no such port or checkpoint.
    """
    sources = [open_source(checkpoint) for checkpoint in checkpoints]
    try:
        package = open_package(name)
    except BrokenPortError as error:
        said = " ".join(str(error).split())
        yield Gate("import", False, said, (said,))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if not sources:
            from proof.checkpoints import quiet, write_checkpoint

            with quiet():
                sources = [
                    open_source(str(write_checkpoint(package.port, f, Path(scratch) / f.name)))
                    for f in package.port.fixtures
                ]
        if not sources:
            raise PortError(f"{package.slug} declares no fixture; give --checkpoint")
        yield from passed(Candidate(package, sources, {}), phase)


def gates(
    port: Annotated[str, typer.Argument(metavar="SLUG|DIR", help="A port, or its folder.")],
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(help="A directory or name of the Hub; the port's fixtures by default."),
    ] = None,
    phase: Annotated[
        Phase, typer.Option(help="preflight: before the first serve; verify: all of them.")
    ] = Phase.VERIFY,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    json_out: Annotated[Path | None, typer.Option(help="Write the JSON to a file too.")] = None,
) -> None:
    """Tries what a port must pass before anything is compiled, served or proven.

    Exit code 0 if every gate holds, 1 if not.

    Example: ./ports gates cohere2 --phase preflight
    """
    console, tried = printer(), []
    for gate in run(port, checkpoint or (), phase):
        tried.append(gate)
        if not as_json:
            _print(gate, console)
    holds = all(gate.passed for gate in tried)
    result = {
        "port": port,
        "phase": phase.value,
        "holds": holds,
        "gates": [asdict(gate) for gate in tried],
    }
    if json_out:
        write_whole(json_out, json.dumps(result, indent=2) + "\n")
    if as_json:
        print_json(result)
    else:
        failed = sum(not gate.passed for gate in tried)
        said = f"{failed} of {len(tried)} gates fail" if failed else "every gate holds"
        console.print(said, highlight=False)
    if not holds:
        raise typer.Exit(1)


def _print(gate: Gate, console: Console) -> None:
    verdict = "[green]pass[/]" if gate.passed else "[red]FAIL[/]"
    for why in gate.causes or (gate.why,):
        console.print(f"{verdict}  [bold]{gate.name}[/]: {escape(why)}", highlight=False)
