# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles the ``ports`` command line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

# Before either is imported anywhere: MAX would report to its maker's telemetry host, and the Hub's
# library asks the Hub for what to report, with more patience than we have.
os.environ.setdefault("MAX_SERVE_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import typer
from rich.console import Console
from rich.markup import escape
from typer.completion import completion_init

from common.errors import PortError
from tools.port.audit import audit
from tools.port.gates import gates
from tools.port.plan import plan
from tools.port.scaffold import scaffold
from tools.port.weights import weights
from tools.prove.canary import canary
from tools.prove.compare import compare
from tools.prove.diff import diff
from tools.prove.list import list_ports
from tools.prove.reference import reference
from tools.prove.verify import verify
from tools.read.archs import list_archs
from tools.read.inspect import inspect
from tools.read.keys import list_keys
from tools.read.missing import list_missing
from tools.read.walls import check_walls
from tools.run.compile import compile_graphs
from tools.run.demo import demo
from tools.run.serve import serve
from tools.terminal.completion import VARIABLE, completion
from tools.upstream.export import upstream

app = typer.Typer(
    help="Ports of Hugging Face architectures to Modular MAX.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"ports on max {version('max')}, transformers {version('transformers')}")
        raise typer.Exit


@app.callback()
def _ports(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the versions."),
    ] = False,
) -> None:
    """Ports of Hugging Face architectures to Modular MAX."""


# In the order of a port's life.
app.command("inspect")(inspect)
app.command("check-walls")(check_walls)
app.command("list-keys")(list_keys)
app.command("list-archs")(list_archs)
app.command("missing")(list_missing)
app.command("plan")(plan)
app.command("scaffold")(scaffold)
app.command("gates")(gates)
app.command("audit")(audit)
app.command("weights")(weights)
app.command("verify")(verify)
app.command("compare", context_settings={"allow_extra_args": True})(compare)
app.command("diff")(diff)
app.command("reference")(reference)
app.command("canary")(canary)
app.command("compile")(compile_graphs)
app.command("upstream")(upstream)
app.command("demo")(demo)
app.command("serve", context_settings={"allow_extra_args": True})(serve)
app.command("list")(list_ports)
app.command("completion")(completion)


def main(arguments: list[str] | None = None) -> None:
    """Runs a command; bad input ends in one line and exit code 2."""
    try:
        completion_init()
        app(arguments, prog_name="./ports", complete_var=VARIABLE)
    except PortError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"[bold red]ports:[/] {escape(' '.join(str(error).split()))}"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
