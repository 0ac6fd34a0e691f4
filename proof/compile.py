# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles traced graphs, of one port or of many together, into a directory others start from.

It reads graphs as text and imports no port, so that what changes no graph compiles nothing anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from max import mlir
from max._core.dialects import builtin
from max.driver import CPU, Accelerator
from max.engine import InferenceSession, MefStore
from max.graph import Module
from max.graph.graph import default_mlir_context

from common.compiled.record import Record
from common.compiled.target import Target

#: The decoders of a directory of traced graphs, and of one of compiled graphs: one module.
TRACED, DECODERS = "decoders.mlir", "decoders.mef"
#: MAX's list of the graphs beside the decoders.
MANIFEST = "manifest.json"


def session_for(target: Target) -> InferenceSession:
    """Returns a session on the devices of a target."""
    if target.name == "cpu":
        return InferenceSession(devices=[CPU()])
    return InferenceSession(devices=[Accelerator(number) for number in range(target.count)])


def joined(texts: Sequence[str]) -> Module:
    """Returns one module with the graphs of several, whose names must differ."""
    context = default_mlir_context()
    with context, mlir.Location.unknown():
        first, *rest = (mlir.Module.parse(text) for text in texts)
        for module in rest:
            for graph in module.body.operations:
                graph.operation.clone(mlir.InsertionPoint(first.body))
        # A copy owns itself; what is parsed goes with the parser's handle.
        return Module(builtin.ModuleOp._from_cmlir(first.operation).clone())


def compile_decoders(traced: Sequence[Path], target: Target, directory: Path) -> None:
    """Compiles all decoders of some folders as one module.

    Args:
        traced: Where :func:`proof.trace.trace_fixtures` wrote decoders, for the same target.
        target: What to compile for; the process becomes one that compiles for it.
        directory: A folder. It is whole once it holds ``compiled.json``, the last file.
    """
    target.stand_in()
    module = joined([(folder / TRACED).read_text() for folder in traced])
    session_for(target).compile(module).export_mef(directory / DECODERS)
    first, *rest = (Record.read(folder) for folder in traced)
    for record in rest:
        first = first.joined(record)
    first.write(directory)


def compile_beside(traced: Sequence[Path], target: Target, directory: Path) -> None:
    """Compiles the graphs that pipelines run beside their decoders, each that differs once.

    Args:
        traced: Where :func:`proof.trace.trace_fixtures` wrote them, for the same target.
        target: What to compile for; the process becomes one that compiles for it.
        directory: A folder.
    """
    target.stand_in()
    session, graphs = session_for(target), {}
    for folder in traced:
        for entry in json.loads((folder / MANIFEST).read_text())["graphs"]:
            if entry["key"] not in graphs:
                graphs[entry["key"]] = entry
                text = (folder / entry["key"]).with_suffix(".mlir").read_text()
                session.compile(joined([text])).export_mef(directory / entry["key"])
    manifest = {"graphs": list(graphs.values())}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


@contextmanager
def storing(store: MefStore) -> Iterator[None]:
    """Makes MAX write graphs other than decoders to a store, or read them from it."""
    previous = InferenceSession.default_mef_store
    InferenceSession.default_mef_store = store
    try:
        yield
    finally:
        InferenceSession.default_mef_store = previous


@contextmanager
def reusing(directory: Path | None) -> Iterator[None]:
    """Inside, pipelines take the graphs beside their decoders from a directory, if there is one.

    A graph that it does not hold, or holds otherwise, is then an error: nothing compiles.
    """
    if directory is None:
        yield
        return
    with storing(MefStore.for_import(directory, verify_body=True)):
        yield
