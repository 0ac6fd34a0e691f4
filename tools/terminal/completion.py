# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports completion``: what a shell has to know to complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

#: Typer's own name has the program's in it, and a shell takes no ``./`` there.
VARIABLE = "_PORTS_COMPLETE"


class Shell(StrEnum):
    """Shells that typer completes in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell.")]) -> None:
    """Prints the completion script of a shell, to be read by it.

    Example: source <(./ports completion bash)
    """
    from typer.completion import get_completion_script

    script = get_completion_script(prog_name="./ports", complete_var=VARIABLE, shell=shell.value)
    print(script)
