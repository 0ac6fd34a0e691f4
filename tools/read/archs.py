# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports list-archs``: what can be served, from the files of MAX and of our ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from common.errors import PortError, nearest
from tools.terminal.output import plain, print_json

from . import installed
from .families import squash


@dataclass(frozen=True, order=True)
class Arch:
    """A name that config.json may give, and what serves it.

    Attributes:
        name: The class.
        slug: The folder of the architecture.
        origin: ``max`` or ``ports``.
    """

    name: str
    slug: str
    origin: str


def known() -> list[Arch]:
    """Returns every class name that MAX or a port serves, aliases included, sorted.

    Raises:
        PortError: If MAX is not installed.
    """
    native = installed.max_names()
    if not native:
        raise PortError("MAX is missing; `./ports env` makes the environment")
    # A port takes the place of an architecture of MAX of the same name.
    names = {name: Arch(name, slug, "max") for name, slug in native.items()}
    names |= {name: Arch(name, slug, "ports") for name, slug in installed.port_names().items()}
    return sorted(names.values())


def matching(archs: Iterable[Arch], match: str) -> list[Arch]:
    """Returns those whose class or folder has these letters in it, of whatever case."""
    wanted = squash(match)
    return [a for a in archs if wanted in squash(a.name) or wanted in squash(a.slug)]


def list_archs(
    match: Annotated[
        str | None, typer.Option(help="Only classes and folders with this in their names.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lists the classes that MAX or a port serves: class, slug, and whose it is.

    Exit code 0 if there are any, 1 if none matches, 2 if MAX is missing.

    Example: ./ports list-archs --match cohere2
    """
    everything = known()
    found = everything if match is None else matching(everything, match)
    if as_json:
        print_json([asdict(arch) for arch in found])
    for arch in () if as_json else found:
        print(f"{arch.name}\t{arch.slug}\t{arch.origin}")
    if not found:
        near = nearest(match or "", (arch.name for arch in everything))
        typer.echo(f"ports: nothing serves {plain(match or '')}{near}", err=True)
        raise typer.Exit(1)
