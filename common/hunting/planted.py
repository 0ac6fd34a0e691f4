# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Ports with a fault each, compiled as one module with the healthy ones.

What is wrong in weights alone runs in the healthy port's graph, initialised with other weights.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.pipeline.target import Target
from common.testing.batch import Batch, storing
from common.testing.checkpoints import write_checkpoint
from common.testing.compile import reusing
from common.testing.declare import Fixture, load_port
from common.testing.harness import build

from .faults import FAULTS, FIXTURES, Fault
from .subject import Subject
from .taps import tapping

if TYPE_CHECKING:
    from .divergence import Hunt, Table


#: Ports that no fault is planted in, each with the fixture that has parts of a kind of its own.
HEALTHY = {
    "cohere": "qk_norm_tied",
    "gemma": "multi_query_tied",
    "glm": "glm4_tied_multi_query",
    "gpt2": "released",
    "phi": "tied_with_norms_of_heads",
    "stablelm": "parallel_with_norms_of_heads",
}


def fixture_of(slug: str) -> Fixture:
    """Returns the fixture that a port is hunted on."""
    if slug in FIXTURES:
        return FIXTURES[slug]
    return next(f for f in load_port(slug).fixtures if f.name == HEALTHY[slug])


class Planted:
    """Healthy ports, and those with faults.

    Args:
        root: An empty folder for checkpoints.
        target: What to compile for.
        slugs: The ports, of :data:`FIXTURES` and :data:`HEALTHY`.
    """

    def __init__(self, root: Path, target: Target, slugs: Iterable[str]) -> None:
        self.root, self.target = root, target
        self.fixtures = {slug: fixture_of(slug) for slug in slugs}
        self.batch = Batch(target)
        self.names: dict[str, list[str]] = {}
        self.models: dict[str, Any] = {}
        self.subjects = {slug: self.subject(slug, 0) for slug in self.fixtures}

    def subject(self, slug: str, seed: int) -> Subject:
        """Returns a port's checkpoint with the weights of a seed."""
        directory = self.root / slug / str(seed)
        port, dtype = load_port(slug), self.target.encoding
        return Subject.of(port, write_checkpoint(port, self.fixtures[slug], directory, seed, dtype))

    def collect(self, progress: Callable[[str], None]) -> None:
        """Traces the healthy ports and, in float32, one for each fault of a graph.

        Rounding to bfloat16 hides small faults.
        """
        for slug in self.fixtures:
            progress(f"tracing {slug}")
            self._trace(slug, slug, contextlib.nullcontext())
        for fault in FAULTS if self.target == Target() else ():
            if fault.graph and fault.slug in self.fixtures:
                progress(f"tracing {fault.slug}: {fault.name}")
                port = load_port(fault.slug).architecture().pipeline_model.decoder_cls
                self._trace(fault.name, fault.slug, fault.graph(port))

    def _trace(self, name: str, slug: str, fault: contextlib.AbstractContextManager[Any]) -> None:
        # The fault first, so that taps are of what it makes.
        with self.batch.collecting(name), fault, tapping(self.names):
            directory = self.subjects[slug].directory
            self.models[name] = build(directory, max_batch_size=1, target=self.target)

    def hunt(self, fault: Fault, prompt: Sequence[int], steps: int, table: Table) -> Hunt:
        """Hunts a fault, by what is compiled."""
        subject = self.subjects[fault.slug]
        if fault.rules:
            rules = fault.rules(subject.weight_map, subject.config)
            subject = replace(subject, weight_map=rules)
        if fault.graph:
            return self._hunt(fault.name, subject, prompt, steps, table)
        self._load([subject], fault.weights)
        return self._hunt(fault.slug, subject, prompt, steps, table)

    def seeded(self, slugs: Iterable[str], seed: int) -> list[Subject]:
        """Gives the graphs of healthy ports the weights of a seed; returns their checkpoints."""
        subjects = [self.subject(slug, seed) for slug in slugs]
        self._load(subjects)
        return subjects

    def healthy(self, subject: Subject, prompt: Sequence[int], steps: int, table: Table) -> Hunt:
        """Hunts in a healthy port, which was given the weights of this checkpoint."""
        return self._hunt(subject.port.model_type, subject, prompt, steps, table)

    def _load(
        self, subjects: Iterable[Subject], change: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        """Gives the graphs of healthy ports the weights of checkpoints, changed."""
        given: dict[str, Any] = {}
        for subject in subjects:
            weights: dict[str, Any] = dict(subject.weights(self.target.dtype))
            if change:
                weights = {name: np.asarray(weight) for name, weight in weights.items()}
                change(weights)
            else:
                weights = {name: weight.tensor.read().data for name, weight in weights.items()}
            prefix = f"{subject.port.model_type}/decoder"
            given |= {f"{prefix}/{name}": value for name, value in weights.items()}
        # The costly part: MAX initialises all graphs of a module together.
        self.batch.reinitialize(given)

    def _hunt(
        self, name: str, subject: Subject, prompt: Sequence[int], steps: int, table: Table
    ) -> Hunt:
        # What compiles the graphs needs neither.
        from .divergence import hunted
        from .reference_taps import Reference

        reference = Reference(subject.directory, subject.weight_map, subject.tensors)
        return hunted(
            subject,
            reference,
            self.models[name],
            self.names[f"{name}/decoder"],
            prompt,
            steps,
            table,
            encoding=self.target.encoding,
        )


def compile_planted(
    target: Target, slugs: Iterable[str], directory: Path, progress: Callable[[str], None]
) -> None:
    """Compiles ports, and what else their pipelines run, into an empty directory."""
    target.stand_in()
    from max.engine import MefStore

    with tempfile.TemporaryDirectory() as scratch, storing(MefStore.for_export(directory)):
        planted = Planted(Path(scratch), target, slugs)
        planted.collect(progress)
        planted.batch.export(directory)


def load_planted(
    target: Target,
    slugs: Iterable[str],
    scratch: Path,
    directory: Path | None,
    progress: Callable[[str], None],
) -> Planted:
    """Returns ports from what was compiled, or compiled here and now."""
    planted = Planted(scratch, target, slugs)
    with reusing(directory):
        planted.collect(progress)
    if directory:
        planted.batch.load(directory)
    else:
        progress("compiling (many minutes when cold)")
        planted.batch.compile()
    return planted
