# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports compile``: compiles here what another process, or another machine, only initialises."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from architectures import load_port
from common.checkpoint import weight_files
from common.errors import PortError
from tools.terminal.progress import progress_line

if TYPE_CHECKING:
    from common.compiled.target import Target


def compile_graphs(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="CHECKPOINT | SLUG...",
            help="A directory or a name of the Hub, owner/name[@revision]; or ports.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where to; must not exist.")],
    target: Annotated[
        str,
        typer.Option(help="cpu, or a GPU's API and architecture, *2 for two; it need not be here."),
    ] = "cpu",
    encoding: Annotated[
        str, typer.Option(help="float32 or bfloat16; by default what the target serves in.")
    ] = "",
    max_length: Annotated[
        int | None, typer.Option(help="Longest sequence of a checkpoint, in tokens.")
    ] = None,
) -> None:
    """Compiles a checkpoint for `serve --precompiled`, or ports' fixtures for `verify --compiled`.

    What it writes runs on any x86-64 CPU with AVX2, or on the GPU of the target.

    Example: ./ports compile ~/checkpoints/SmolLM3-3B --max-length 4096 --out compiled
    """
    from common.compiled.target import Target
    from tools.read.hub import is_name

    aim = Target.named(target, encoding)
    with progress_line(Console(stderr=True)) as progress, whole(out) as unfinished:
        if len(what) == 1 and (Path(what[0]).is_dir() or is_name(what[0])):
            _checkpoint(what[0], aim, unfinished, max_length, progress)
            return
        os.environ["HF_HUB_OFFLINE"] = "1"
        from proof.trace import compile_fixtures

        compile_fixtures([load_port(slug) for slug in what], aim, unfinished, progress)


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """Gives a folder to fill, which becomes ``out`` at the end, or nothing.

    Raises:
        PortError: If ``out`` exists, or cannot.
    """
    if out.exists():
        raise PortError(f"{out} exists; give --out a new folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    except OSError as error:
        raise PortError(f"{out} cannot be made: {error.strerror}") from None
    try:
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _checkpoint(
    model: str,
    target: Target,
    unfinished: Path,
    max_length: int | None,
    progress: Callable[[str], None],
) -> None:
    from tools.read.preflight import located, preflight

    # Before MAX is: it is told not to ask the Hub.
    directory = located(model, progress, max_length=max_length)
    os.environ["HF_HUB_OFFLINE"] = "1"
    target.stand_in()
    from max.pipelines import PIPELINE_REGISTRY, PipelineArgs, PipelineConfig

    import architectures

    progress(f"checking {directory}")
    preflight(directory, max_length=max_length, devices=target.count)
    progress("compiling (minutes)")
    arguments = PipelineArgs.from_flat_kwargs(
        model_path=str(directory.resolve()),
        weight_path=weight_files(directory.resolve()),
        custom_architectures=[str(Path(architectures.__path__[0]))],
        device_specs=target.specs,
        quantization_encoding=target.encoding,
        max_length=max_length,
        export_mefs=str(unfinished),
    )
    PIPELINE_REGISTRY.retrieve(PipelineConfig.from_args(arguments))
