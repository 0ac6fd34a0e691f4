# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports upstream``: a port as a pull request to modular/modular."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from architectures import load_port
from common.declaration import Port
from common.errors import PortError
from proof import record as proof
from tools.read import installed
from tools.read.located import all_located, sources
from tools.run.compile import whole
from tools.terminal.output import print_json, printer
from tools.terminal.progress import progress_line

from .checkout import apply, entry_lines, registered, write
from .package import ARCHITECTURES, TESTS, Export, export, render

#: What upstream asks for: the encoding that GPUs serve, and the one that leaves only rounding.
ENCODINGS = ("float32", "bfloat16")


def upstream(
    port: Annotated[str, typer.Argument(metavar="SLUG", help="A port.")],
    out: Annotated[Path, typer.Option(help="Where to; must not exist.")],
    against: Annotated[
        Path | None,
        typer.Option(metavar="CHECKOUT", help="Apply it onto a checkout of modular/modular too."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if upstream has the class already.")
    ] = False,
    draft: Annotated[
        bool, typer.Option("--draft", help="Even if upstream would refuse it as it is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Writes a port as MAX has its architectures, with BUILD files, tests and PULL_REQUEST.md.

    Exit code 0 if it is written, 1 if upstream would refuse it, 2 for bad input.

    Example: ./ports upstream cohere2 --out /tmp/cohere2 --against ~/modular
    """
    declared = load_port(port)
    if not force:
        check_new(declared, against)
    if out.exists():
        raise PortError(f"{out} exists; give --out a new folder")
    with _tidy_when_ended(), progress_line(Console(stderr=True)) as progress:
        progress("looking for what upstream would miss")
        missing = list(lacking(port, declared))
        if missing and not draft:
            _say(port, missing, as_json=as_json)
            raise typer.Exit(1)
        progress("moving the code")
        made = export(port)
        files = {**made.files, **documents(made, declared, missing)}
    # All of it is at hand, so that writing takes milliseconds.
    with _tidy_when_ended(), whole(out) as unfinished:
        write(files.items(), unfinished)
        changed = apply(made, against) if against else []
    if as_json:
        result = {"port": port, "missing": missing, "files": sorted(files), "out": str(out)}
        print_json(result | {"applied": dict(changed)})
        return
    for path, lines in changed:
        print(f" {path} | {lines} +")
    if changed:
        print(f" {len(changed)} files changed, {sum(n for _, n in changed)} insertions(+)")
    print(f"{len(files)} files in {out}")


@contextmanager
def _tidy_when_ended() -> Iterator[None]:
    """Makes a process that is ended tidy up, as an interrupted one does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        # None is a handler that Python did not set and cannot set again.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _say(port: str, missing: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"port": port, "missing": missing, "files": [], "out": None})
        return
    console = printer()
    console.print(f"upstream would refuse {escape(port)} (--draft exports it all the same):")
    for item in missing:
        console.print(f"[red]✗[/] {escape(item)}")


def check_new(port: Port, checkout: Path | None) -> None:
    """Refuses a port whose class upstream has.

    Raises:
        PortError: If it has.
    """
    for name in port.classes:
        if name in installed.max_names():
            folder = installed.max_names()[name]
            raise PortError(f"MAX serves {name} itself, from {folder}; --force exports the port")
        if checkout and name in registered(checkout):
            raise PortError(f"{checkout} registers {name} already; --force exports the port")


def lacking(slug: str, port: Port) -> Iterator[str]:
    """Yields what upstream would miss in a port; imports MAX, compiles nothing."""
    shown = proof.last(slug)
    if shown is None:
        yield f"there is no proof; run ./ports verify {slug} --record"
        return
    shut = list(_gates(slug))
    # Behind a shut gate there may be no graph to compare with what was proven.
    changed = ["other code"] if shut and proof.touched(slug) else proof.changed(slug)
    if changed:
        why = ", ".join(changed)
        yield f"the proof holds no longer ({why}); run ./ports verify {slug} --record"
    for encoding in ENCODINGS:
        if encoding not in shown.get("parity", {}):
            command = f"./ports verify {slug} --encoding {encoding} --record"
            yield f"there is no evidence in {encoding}; run {command}"
    yield from _unwitnessed(port, shown)
    yield from shut


def _unwitnessed(port: Port, shown: Mapping[str, Any]) -> Iterator[str]:
    from proof.checks import MIN_MOVED

    for delta in port.deltas:
        moved = shown.get("deltas", {}).get(delta.name, 0)
        if moved < MIN_MOVED:
            yield f"delta {delta.name!r} has no witness in the proof that moves a logit"


def _gates(slug: str) -> Iterator[str]:
    from tools.port.gates import Phase, run

    for gate in run(slug, (), Phase.VERIFY):
        if not gate.passed:
            yield f"gate {gate.name!r} is shut: {gate.why}"


def documents(made: Export, port: Port, missing: Sequence[str]) -> dict[str, str]:
    """Returns what goes beside the code: the description, and the lines of the registry."""
    return {
        "PULL_REQUEST.md": _description(made, port, missing),
        "lazy_arch.txt": "".join(entry_lines(entry) for entry in made.entries),
    }


def _description(made: Export, port: Port, missing: Sequence[str]) -> str:
    architecture = port.architecture()
    shown = proof.last(made.slug) or {}
    versions = {name: importlib.metadata.version(name) for name in ("max", "transformers")}
    return render(
        "PULL_REQUEST.md.j2",
        title=made.title,
        about=made.about,
        entries=made.entries,
        package=ARCHITECTURES / made.slug,
        tests=TESTS / made.slug,
        missing=missing,
        proof=versions | shown,
        parity=shown.get("parity", {}),
        deltas=[
            {
                "name": delta.name,
                "reference": _reference(port, delta.reference),
                "moved": f"{shown.get('deltas', {}).get(delta.name, 0)} σ",
            }
            for delta in port.deltas
        ],
        fixtures={f.name: f"`{json.dumps(dict(f.config))}`" for f in port.fixtures},
        checkpoints=architecture.example_repo_ids,
        encodings=sorted(architecture.supported_encodings),
        prompts=made.prompts,
        new_tokens=made.new_tokens,
        on_gpu=any("GPU" in found["machine"] for found in shown.get("parity", {}).values()),
    )


def _reference(port: Port, reference: str) -> str:
    """A delta's reference by its whole names, with their lines and the folders of their files."""
    try:
        places = all_located(port.classes.values(), reference)
    except PortError:
        return reference
    files = {f.name: f for model_type in port.classes.values() for f in sources(model_type)}
    folders = {name: file.parent.name for name, file in files.items()}
    return ", ".join(
        f"{name} (models/{folders[place.partition(':')[0]]}/{place})" for name, place in places
    )
