# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Compiles the fixtures of ports into a directory, from which others initialise them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.pipeline.target import Target

from .checkpoints import write_checkpoint
from .declare import PROMPTS, Port


def compile_fixtures(
    ports: Sequence[Port], target: Target, directory: Path, progress: Callable[[str], None]
) -> None:
    """Compiles every fixture's decoder, all as one module, and what else their pipelines run.

    Args:
        ports: The ports.
        target: What to compile for; the process becomes one that compiles for it.
        directory: An empty folder. It is whole once it holds ``compiled.json``, the last file.
        progress: Is told what starts, in a few words.
    """
    target.stand_in()
    from max.engine import MefStore

    from .batch import Batch, storing
    from .harness import build

    batch = Batch(target)
    with tempfile.TemporaryDirectory() as scratch, storing(MefStore.for_export(directory)):
        for port in ports:
            for fixture in port.fixtures:
                name = f"{port.model_type}/{fixture.name}"
                progress(f"building the pipeline of {name}")
                path = Path(scratch) / name
                write_checkpoint(port, fixture, path, dtype=target.encoding)
                with batch.collecting(name):
                    build(path, max_batch_size=len(PROMPTS), target=target)
        progress(f"compiling {len(batch.pending)} decoders as one module (minutes when cold)")
        batch.export(directory)


@contextmanager
def reusing(directory: Path | None) -> Iterator[None]:
    """Inside, pipelines take the graphs beside their decoders from a directory, if there is one.

    A graph that it does not hold, or holds otherwise, is then an error: nothing compiles.
    """
    from max.engine import MefStore

    from .batch import storing

    if directory is None:
        yield
        return
    with storing(MefStore.for_import(directory, verify_body=True)):
        yield
