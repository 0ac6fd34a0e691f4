# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Traces the fixtures of ports through the pipelines that serving builds, and compiles nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from max.engine import CompiledModel, InferenceSession, MefStore
from max.engine.api import CompileOnlyModel
from max.graph import Graph

from common.compiled.target import Target
from common.declaration import PROMPTS, Port

from .batch import Batch
from .checkpoints import write_checkpoint
from .compile import compile_beside, compile_decoders
from .harness import build
from .ranked import forms


@contextmanager
def tracing(directory: Path) -> Iterator[None]:
    """Inside, graphs beside decoders are written to a directory instead of compiled.

    Pipelines get stand-ins for them, which refuse to run. MAX has no seam for that: its virtual
    devices compile all the same.
    """
    store = MefStore.for_export(directory)

    def write(session: InferenceSession, graph: Graph, **options: Any) -> CompiledModel:
        store.claim_export(graph).with_suffix(".mlir").write_text(graph.module._to_mlir_str())
        store.write_manifest()
        return mock.Mock(spec=CompiledModel, _graph_names=[graph.name])

    def stand_in(session: InferenceSession, compiled: CompiledModel, **weights: Any) -> Any:
        return {name: CompileOnlyModel(name, compiled) for name in compiled._graph_names or ()}

    with (
        mock.patch.object(InferenceSession, "compile_reusing_mefs", write),
        mock.patch.object(InferenceSession, "init_all", stand_in),
    ):
        yield


def trace_fixtures(
    ports: Sequence[Port],
    target: Target,
    decoders: Path,
    ranked: Path,
    beside: Path,
    progress: Callable[[str], None],
) -> None:
    """Traces every fixture's decoder, and what else their pipelines run.

    Args:
        ports: The ports.
        target: What to trace for; the process becomes one that compiles for it.
        decoders: A folder for the decoders.
        ranked: A folder for those that are divided over ranks of one device; it stays empty if
            there is none.
        beside: A folder for the graphs beside them, which all ports share.
        progress: Is told what starts, in a few words.
    """
    target.stand_in()
    whole, divided = Batch(target), Batch(target)
    with tempfile.TemporaryDirectory() as scratch, tracing(beside):
        for port in ports:
            for fixture in port.fixtures:
                path = Path(scratch) / port.model_type / fixture.name
                write_checkpoint(port, fixture, path, dtype=target.encoding)
                for form in forms(port, fixture, target):
                    progress(f"tracing {form.key(port)}")
                    batch = whole if form.ranks == 1 else divided
                    with batch.collecting(form.key(port)):
                        rows = len(PROMPTS)
                        build(path, max_batch_size=rows, target=target, ranks=form.ranks)
    whole.write(decoders)
    if divided.pending:
        divided.write(ranked)


def compile_fixtures(
    ports: Sequence[Port], target: Target, directory: Path, progress: Callable[[str], None]
) -> None:
    """Traces the fixtures of ports and compiles them together, all into one empty folder."""
    with tempfile.TemporaryDirectory() as scratch:
        decoders, ranked, beside = (Path(scratch, n) for n in ("decoders", "ranked", "beside"))
        decoders.mkdir()
        ranked.mkdir()
        trace_fixtures(ports, target, decoders, ranked, beside, progress)
        progress("compiling all decoders as one module (minutes when cold)")
        compile_beside([beside], target, directory)
        traced = [folder for folder in (decoders, ranked) if any(folder.iterdir())]
        compile_decoders(traced, target, directory)
