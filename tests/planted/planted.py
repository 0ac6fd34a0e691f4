# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ports with a fault each, compiled as one module with the healthy ones.

What is wrong in weights alone runs in the healthy port's graph, initialised with other weights.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from architectures import load_port
from common.compiled.target import Target
from common.declaration import Fixture
from hunt.subject import Subject
from hunt.taps import tapping
from proof.batch import Batch
from proof.checkpoints import write_checkpoint
from proof.compile import reusing
from proof.harness import build
from tests.planted import FAULTS
from tests.planted.kinds import Fault

if TYPE_CHECKING:
    from hunt.divergence import Hunt, Table


class Planted:
    """Healthy ports, and those with faults.

    Args:
        root: An empty folder for checkpoints.
        target: What to compile for.
        fixtures: What each port is hunted on.
    """

    def __init__(self, root: Path, target: Target, fixtures: Mapping[str, Fixture]) -> None:
        self.root, self.target = root, target
        self.fixtures = fixtures
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
        for slug, fault in FAULTS if self.target == Target() else ():
            if fault.graph and slug in self.fixtures:
                progress(f"tracing {slug}: {fault.name}")
                port = load_port(slug).architecture().pipeline_model.decoder_cls
                self._trace(fault.name, slug, fault.graph(port))

    def _trace(self, name: str, slug: str, fault: contextlib.AbstractContextManager[Any]) -> None:
        # The fault first, so that taps are of what it makes.
        with self.batch.collecting(name), fault, tapping(self.names):
            directory = self.subjects[slug].directory
            self.models[name] = build(directory, max_batch_size=1, target=self.target)

    def hunt(
        self, slug: str, fault: Fault, prompt: Sequence[int], steps: int, table: Table
    ) -> Hunt:
        """Hunts a fault of a port, by what is compiled."""
        subject = self.subjects[slug]
        if fault.rules:
            rules = fault.rules(subject.weight_map, subject.config)
            subject = replace(subject, weight_map=rules)
        if fault.graph:
            return self._hunt(fault.name, subject, prompt, steps, table)
        self._load([subject], fault.weights)
        return self._hunt(slug, subject, prompt, steps, table)

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
        from hunt.divergence import hunted
        from hunt.reference_taps import TappedReference

        reference = TappedReference(subject.directory, subject.weight_map, subject.tensors)
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


def load_planted(
    target: Target,
    fixtures: Mapping[str, Fixture],
    scratch: Path,
    directories: tuple[Path, Path] | None,
    progress: Callable[[str], None],
) -> Planted:
    """Returns ports from what was compiled, or compiled here and now.

    Args:
        target: What they are compiled for.
        fixtures: What each port is hunted on.
        scratch: An empty folder for checkpoints.
        directories: Of compiled decoders, and of the graphs beside them.
        progress: Is told what starts, in a few words.
    """
    planted = Planted(scratch, target, fixtures)
    with reusing(directories and directories[1]):
        planted.collect(progress)
    if directories:
        planted.batch.load(directories[0])
    else:
        progress("compiling (many minutes when cold)")
        planted.batch.compile()
    return planted
