# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports list-archs``: what can be served, from MAX's live registry and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from common.errors import PortError, nearest
from tools.terminal.output import plain, print_json

from .installed import with_aliases


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


def _registered() -> Mapping[str, str]:
    """MAX's names; importing max.pipelines fills its registry, mostly without importing models."""
    try:
        import max.pipelines  # noqa: F401
        from max.pipelines.lib.registry import PIPELINE_REGISTRY as REGISTRY
    except ImportError as error:
        raise PortError(f"MAX is missing ({error}); `./ports env` makes the environment") from None
    known = {
        name: entry.pipeline_model.__module__ for name, entry in REGISTRY.architectures.items()
    }
    known |= {
        name: entries[0][0].lstrip(".") for name, entries in REGISTRY._lazy_architectures.items()
    }
    prefix = "max.pipelines.architectures."
    return {
        name: module.removeprefix(prefix).split(".")[0]
        for name, module in known.items()
        if not module.startswith("architectures.")
    }


def registered() -> list[Arch]:
    """Returns every name in the live registries, aliases included, sorted; imports MAX.

    Raises:
        PortError: If MAX is not installed.
    """
    native = with_aliases(_registered())
    from architectures import ARCHITECTURES

    # A port takes the place of an architecture of MAX of the same name.
    names = {name: Arch(name, slug, "max") for name, slug in native.items()}
    names |= {name: Arch(name, slug, "ports") for name, slug in ARCHITECTURES.classes.items()}
    return sorted(names.values())


def list_archs(
    match: Annotated[str | None, typer.Option(help="Only this class.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lists the classes that MAX or a port serves: class, slug, and whose it is.

    Exit code 0 if there are any, 1 if none matches, 2 if MAX is missing.

    Example: ./ports list-archs --match LlamaForCausalLM
    """
    everything = registered()
    found = [arch for arch in everything if match in (None, arch.name)]
    if as_json:
        print_json([asdict(arch) for arch in found])
    for arch in () if as_json else found:
        print(f"{arch.name}\t{arch.slug}\t{arch.origin}")
    if not found:
        near = nearest(match or "", (arch.name for arch in everything))
        typer.echo(f"ports: nothing serves {plain(match or '')}{near}", err=True)
        raise typer.Exit(1)
