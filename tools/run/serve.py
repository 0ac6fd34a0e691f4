# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports serve``: checks a checkpoint, then runs ``max serve`` on it until it is stopped."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from common.errors import PortError
from tools.terminal.progress import progress_line


def serve(
    context: typer.Context,
    checkpoint: Annotated[
        str, typer.Argument(help="A directory, or a name of the Hub: owner/name[@revision].")
    ],
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1.")] = 8000,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, gpu, or several as gpu:0,1; by default a GPU if there is one."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="bfloat16 (default on a GPU) or float32 (on the CPU).")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest sequence, in tokens.")] = None,
    precompiled: Annotated[
        Path | None, typer.Option(help="What `./ports compile` made; decides the three above.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option(help="Let code that comes with the checkpoint run.")
    ] = False,
) -> None:
    """Serves a checkpoint with an OpenAI API. Further options go to `max serve`.

    Several GPUs hold a share each of every layer: --device gpu:0,1.

    Example: ./ports serve HuggingFaceTB/SmolLM3-3B --max-length 4096
    """
    from tools.read.hub import is_name
    from tools.read.preflight import located, preflight

    from .serving import Server, command, end_on_signals, free_port

    if precompiled:
        device, encoding, max_length = compiled_for(precompiled, device, encoding, max_length)
        context.args += ["--precompiled-mefs", str(precompiled.resolve())]
    tcp_port = free_port(port)
    console = Console(stderr=True)
    with progress_line(console) as progress:
        progress(f"checking {checkpoint}")
        how: Any = dict(
            max_length=max_length, trust_remote_code=trust_remote_code, devices=counted(device)
        )
        directory = located(checkpoint, progress, **how)
        warnings = preflight(directory, **how)
    directory = directory.resolve()
    for warning in warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)
    name = checkpoint if is_name(checkpoint) else str(directory)
    device = device or best_device()
    arguments = command(
        directory,
        port=tcp_port,
        device=device,
        encoding=encoding or ("float32" if device == "cpu" else "bfloat16"),
        max_length=max_length,
        extra=(
            *(("--served-model-name", name) if name == checkpoint else ()),
            *(("--trust-remote-code",) if trust_remote_code else ()),
            *context.args,
        ),
    )
    console.print(shlex.join(arguments), markup=False, highlight=False, soft_wrap=True)
    end_on_signals()
    with Server(arguments, tcp_port) as server:
        with progress_line(console) as progress:
            server.wait(progress)
        console.print(f"[bold green]ready[/] at {server.url}/v1; Ctrl-C ends it. For example:")
        console.print(example(server.url, name), markup=False, soft_wrap=True)
        try:
            server.follow(sys.stderr)
        except KeyboardInterrupt:
            console.print("stopped")


def counted(device: str | None) -> int:
    """Returns how many devices a person has named.

    Raises:
        PortError: If that is no name of devices.
    """
    if device == "gpu:all":
        from max.driver import accelerator_count

        return accelerator_count()
    if not re.fullmatch(r"cpu|gpu(:\d+(,\d+)*)?", device or "gpu"):
        raise PortError(f"no device {device!r}; say cpu, gpu, or several as gpu:0,1")
    numbers = (device or "").partition(":")[2].split(",")
    if len(set(numbers)) < len(numbers):
        raise PortError(f"--device {device} names one device twice")
    return len(numbers)


def best_device() -> str:
    """Returns ``gpu`` if MAX finds one, else ``cpu``."""
    from max.driver import accelerator_count

    return "gpu" if accelerator_count() else "cpu"


def example(url: str, model: str) -> str:
    """Returns a request that a shell takes."""
    request = {"model": model, "prompt": "The quick brown fox", "max_tokens": 32}
    header = "-H 'Content-Type: application/json'"
    return f"  curl {url}/v1/completions {header} -d {shlex.quote(json.dumps(request))}"


def compiled_for(
    directory: Path, device: str | None, encoding: str | None, max_length: int | None
) -> tuple[str, str, int]:
    """Returns the device, encoding and longest sequence that a directory was compiled for.

    Raises:
        PortError: If one is given that differs, or if it holds no graph of a checkpoint; before a
            server starts that could only say so in its worker.
    """
    from common.compiled.record import Record, max_version

    record = Record.read(directory)
    if "decoder" not in record.bodies:
        raise PortError(f"{directory} holds the graphs of ports' tests, not of a checkpoint")
    if record.max != max_version():
        raise PortError(f"{directory} is compiled for max {record.max}, not {max_version()}")
    target = record.made_for
    given_kind = (device or target.kind).partition(":")[0]
    if given_kind != target.kind or counted(device or target.devices) != target.count:
        raise PortError(f"{directory} is compiled for --device {target.devices}, not {device}")
    found = (record.encoding, record.max_length)
    for name, here, given in zip(
        ("encoding", "max-length"), found, (encoding, max_length), strict=True
    ):
        if given not in (None, here):
            raise PortError(f"{directory} is compiled for --{name} {here}, not {given}")
    return device or target.devices, *found
