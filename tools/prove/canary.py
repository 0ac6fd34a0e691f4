# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports canary``: what another transformers or MAX breaks, before the pins move.

It makes an environment of its own from pyproject.toml with other pins. There it tries every port's
gates, which hold the torch half of its proof, and the ledger says which methods of its reference
have changed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from architectures import load_port, slugs
from common.errors import PortError, shorten
from tools.read import installed
from tools.read.ledger import EQUAL, entries
from tools.read.reference import aliases
from tools.read.syntax import code_of
from tools.terminal.output import plain, print_json, print_table, printer
from tools.terminal.progress import progress_line

ROOT = Path(__file__).parents[2]
COLUMNS = ("port", "verdict", "methods that changed")
_MAKE = """
set -euo pipefail
source tools/env.sh
# uv reads the overrides of the folder that it runs in.
cd "$1"
write_lock pyproject.toml requirements_lock.txt
install_lock requirements_lock.txt env
"""


@dataclass(frozen=True)
class Tried:
    """A port with the other versions.

    Attributes:
        port: Its slug.
        breaks: What fails there, a line each; empty if all holds.
        changed: The methods of its references that compute something else, or in other words.
    """

    port: str
    breaks: tuple[str, ...]
    changed: tuple[str, ...]


def changed(slug: str, home: Path) -> tuple[str, ...]:
    """Returns the methods of a port's references that differ from the installed transformers'.

    Args:
        slug: The port.
        home: The other transformers' folder.

    Raises:
        PortError: If the other has no such reference.
    """
    found: dict[str, None] = {}
    for name, model_type in load_port(slug).classes.items():
        here, ours = installed.modeling_file(model_type), installed.folder("transformers")
        assert here
        assert ours
        there = home / here.relative_to(ours)
        if not there.is_file():
            raise PortError(f"{name}: transformers has no {there.relative_to(home)} there")
        keys = tuple(sorted(aliases(model_type).items()))
        listed = entries(code_of(there, name, keys), code_of(here, name, keys))
        found |= dict.fromkeys(entry.name for entry in listed if entry.state != EQUAL)
    return tuple(found)


def _run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours in an environment, and keeps what it says."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [str(python), "-W", "ignore", "-P", "-m", "tools", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def tried(slug: str, python: Path, home: Path) -> Tried:
    """Tries a port's gates with another environment's Python.

    Args:
        slug: The port.
        python: The environment's.
        home: Its transformers' folder.
    """
    try:
        methods = changed(slug, home)
    except PortError as error:
        return Tried(slug, (str(error),), ())
    ran = _run(python, "gates", slug, "--json")
    try:
        gates = json.loads(ran.stdout)["gates"]
    except ValueError:
        said = (ran.stderr.strip() or "nothing was said").splitlines()[-1]
        return Tried(slug, (f"gates ended with {ran.returncode}: {shorten(plain(said))}",), methods)
    fail = (gate for gate in gates if not gate["passed"])
    causes = (f"{g['name']}: {why}" for g in fail for why in g["causes"] or [g["why"]])
    return Tried(slug, tuple(causes), methods)


def _pinned(pins: Mapping[str, str]) -> str:
    """pyproject.toml with other pins."""
    text = (ROOT / "pyproject.toml").read_text()
    for package, wanted in pins.items():
        text = re.sub(rf'"{package}==[^"]+"', f'"{package}=={wanted}"', text)
    return text


@contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    if asked is None:
        with tempfile.TemporaryDirectory(prefix="ports-canary-") as scratch:
            yield Path(scratch)
        return
    made = (asked / "env").is_dir()
    if not made and asked.exists() and (asked.is_file() or any(asked.iterdir())):
        raise PortError(f"{asked} is neither empty nor a canary's environment")
    asked.mkdir(parents=True, exist_ok=True)
    yield asked.resolve()


def _made(folder: Path, pins: Mapping[str, str]) -> Path:
    """Makes the environment, unless the folder has it; returns its Python."""
    python, file = folder / "env/bin/python", folder / "pyproject.toml"
    text, made = _pinned(pins), folder / "env/made_from"
    if made.is_file() and made.read_text() == text:
        return python
    file.write_text(text)
    # Where the pins allow, the other packages are those of our lock.
    (folder / "requirements_lock.txt").write_text((ROOT / "requirements_lock.txt").read_text())
    ran = subprocess.run(
        ["bash", "-c", _MAKE, "canary", folder], cwd=ROOT, capture_output=True, text=True
    )
    if ran.returncode:
        said = " ".join(re.sub(r"[╰─▶×│]", " ", ran.stderr).split())
        asked = " and ".join(f"{package} {wanted}" for package, wanted in pins.items())
        raise PortError(f"no environment with {asked}: {shorten(plain(said), 300)}")
    lock = (folder / "requirements_lock.txt").read_text()
    assert all(f"\n{package}=={wanted} " in f"\n{lock}" for package, wanted in pins.items())
    made.write_text(text)
    return python


def canary(
    transformers: Annotated[str | None, typer.Option(help="A version of transformers.")] = None,
    max_version: Annotated[str | None, typer.Option("--max", help="A version of MAX.")] = None,
    verify: Annotated[
        list[str] | None,
        typer.Option(metavar="SLUG", help="Compile and prove it there too."),
    ] = None,
    env: Annotated[
        Path | None, typer.Option(help="Keep the environment in this folder, or use it again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Says which ports another transformers or MAX breaks, and in which method.

    Makes an environment of its own, some gigabytes, and compiles nothing unless asked to. Exit code
    0 if every port holds there, 1 if not, 2 if there is no such version.

    Example: ./ports canary --transformers 5.18.0
    """
    pins = {"transformers": transformers} if transformers else {}
    pins |= {"max": max_version, "modular": max_version} if max_version else {}
    if not pins:
        raise PortError("say which version to try: --transformers 5.18.0, or --max 26.7.0")
    for wanted in pins.values():
        if not re.fullmatch(r"\d+(\.\w+)*", wanted):
            raise PortError(f"{plain(wanted)!r} is no version")
    for slug in verify or ():
        load_port(slug)
    log = Console(stderr=True)
    with progress_line(log) as say, _folder(env) as folder:
        say("making the environment")
        python = _made(folder, pins)
        home = next(folder.glob("env/lib/python*/site-packages/transformers"))
        first, *others = slugs()
        say(f"trying {len(slugs())} ports, {first} first")
        # Alone: MAX links its modules when an environment first imports it.
        found = [tried(first, python, home)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting = [pool.submit(tried, slug, python, home) for slug in others]
            for done in as_completed(waiting):
                found.append(done.result())
                say(f"{len(found)} of {len(slugs())} ports: {found[-1].port}")
        proofs = {}
        for slug in verify or ():
            say(f"{slug}: compiling and proving")
            proofs[slug] = _run(python, "verify", slug, "--json")
    found.sort(key=lambda each: each.port)
    found = [_with_proof(each, proofs.get(each.port)) for each in found]
    _report(found, pins, as_json)
    if any(each.breaks for each in found):
        raise typer.Exit(1)


def _with_proof(found: Tried, ran: subprocess.CompletedProcess[str] | None) -> Tried:
    """Adds what a port's proof says there."""
    if ran is None or ran.returncode == 0:
        return found
    try:
        said = [problem for report in json.loads(ran.stdout) for problem in report["problems"]]
    except ValueError:
        said = (ran.stderr.strip() or "nothing was said").splitlines()[-1:]
    return Tried(found.port, (*found.breaks, *(f"verify: {line}" for line in said)), found.changed)


def _report(found: list[Tried], pins: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        tried_with: dict[str, Any] = {"from": {name: version(name) for name in pins}, "to": pins}
        print_json(tried_with | {"ports": [asdict(each) for each in found]})
        return
    print_table(
        COLUMNS,
        (
            (each.port, "breaks" if each.breaks else "holds", ", ".join(each.changed) or "-")
            for each in found
        ),
    )
    console = printer()
    for each in found:
        for line in each.breaks:
            console.print(f"[red]✗[/] {each.port}: {escape(plain(line))}")
