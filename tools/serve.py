# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""``ports serve``: checks a checkpoint, then becomes ``max serve`` on it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape


def serve(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="Directory of a checkpoint.")],
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1.")] = 8000,
    device: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    encoding: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    max_length: Annotated[int | None, typer.Option(help="Longest sequence, in tokens.")] = None,
    precompiled: Annotated[
        Path | None, typer.Option(help="What `./ports compile` made; sets the options it was for.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option(help="Let code that comes with the checkpoint run.")
    ] = False,
) -> None:
    """Serves a checkpoint with an OpenAI API. Further options go to `max serve`.

    Example: ./ports serve ~/checkpoints/SmolLM3-3B --max-length 4096
    """
    from .checkpoint import preflight
    from .serving import command, environment, free_port

    if precompiled:
        from common.pipeline.compiled import Record
        from common.pipeline.target import Target

        record = Record.read(precompiled)
        target, max_length = Target(record.target), max_length or record.max_length
        device, encoding = target.devices, target.encoding
        context.args += ["--precompiled-mefs", str(precompiled.resolve())]
    free_port(port)
    console = Console(stderr=True)
    console.print(f"checking {checkpoint}", markup=False, highlight=False, soft_wrap=True)
    for warning in preflight(checkpoint, trust_remote_code=trust_remote_code):
        console.print(f"[yellow]warning:[/] {escape(warning)}")
    extra = (*context.args, *(("--trust-remote-code",) if trust_remote_code else ()))
    arguments = command(
        checkpoint.resolve(),
        port=port,
        device=device,
        encoding=encoding,
        max_length=max_length,
        extra=extra,
    )
    console.print(shlex.join(arguments), markup=False, highlight=False, soft_wrap=True)
    os.execve(arguments[0], arguments, environment())
