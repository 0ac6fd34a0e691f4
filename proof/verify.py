# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A port's proof as steps: what `./ports verify` and the port's test both run, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from common.compiled.target import Target
from common.declaration import PROMPTS, Delta, Fixture, Port, Unimplemented
from common.errors import PortError

from .batch import Batch
from .checkpoints import write_checkpoint
from .checks import MIN_MOVED, check_config, check_delta, check_flags, check_oracle
from .compile import reusing
from .harness import build
from .oracle import Oracle
from .parity import compare, disagreements
from .ranked import Form, forms
from .report import PortReport

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ProofStep:
    """One step of a proof.

    Attributes:
        name: What it looks at.
        problems: Takes the step, and yields what does not hold.
    """

    name: str
    problems: Callable[[], Iterable[str]]


class Proof:
    """One port beside its oracle.

    Args:
        port: The port.
        directory: Where its fixtures are written, when a step first needs them.
        target: What it is compiled for; the oracle computes in float32 on the CPU.
    """

    def __init__(self, port: Port, directory: Path, target: Target) -> None:
        self.port, self.root, self.target = port, directory, target
        self.report = PortReport(port.model_type, target.encoding)
        self.models: dict[Form, Any] = {}
        self._oracles: dict[str, Oracle] = {}

    @cached_property
    def directories(self) -> dict[str, Path]:
        """The checkpoint of each fixture, written."""
        return {
            fixture.name: write_checkpoint(
                self.port, fixture, self.root / fixture.name, dtype=self.target.encoding
            )
            for fixture in self.port.fixtures
        }

    @cached_property
    def forms(self) -> list[Form]:
        """Each fixture, whole and divided over ranks."""
        several = (forms(self.port, fixture, self.target) for fixture in self.port.fixtures)
        return [form for each in several for form in each]

    def oracle(self, name: str) -> Oracle:
        """Returns the oracle of a fixture."""
        if name not in self._oracles:
            self._oracles[name] = Oracle(self.directories[name])
        return self._oracles[name]

    def checks(self) -> Iterator[ProofStep]:
        """Yields the half of the proof that needs no compile."""
        yield ProofStep("flags", self._flags)
        for fixture in self.port.fixtures:
            yield ProofStep(f"config of {fixture.name}", partial(self._config, fixture))
            yield ProofStep(f"oracle of {fixture.name}", partial(self._oracle, fixture))
        for delta in self.port.deltas:
            yield ProofStep(f"witness of {delta.name}", partial(self._delta, delta))

    def parities(self) -> Iterator[ProofStep]:
        """Yields the other half, for which :meth:`build` must have been called."""
        for form in self.forms:
            yield ProofStep(f"parity of {form.name}", partial(self._parity, form))

    def build(self, batch: Batch, ranked: Batch) -> None:
        """Builds the pipeline of each form of each fixture, its decoder deferred.

        Args:
            batch: To which, if it is whole.
            ranked: To which, if it is divided.
        """
        for form in self.forms:
            with (batch if form.ranks == 1 else ranked).collecting(form.key(self.port)):
                self.models[form] = build(
                    self.directories[form.fixture],
                    max_batch_size=len(PROMPTS),
                    target=self.target,
                    ranks=form.ranks,
                )

    def _flags(self) -> Iterator[str]:
        if len(self.port.fixtures) < 2:
            yield "one fixture cannot show both sides of a flag"
        yield from check_flags(self.port, self.directories)

    def _config(self, fixture: Fixture) -> Iterator[str]:
        yield from check_config(self.port, fixture, self.directories[fixture.name])

    def _oracle(self, fixture: Fixture) -> Iterator[str]:
        yield from check_oracle(self.port, fixture, self.oracle(fixture.name))

    def _delta(self, delta: Delta) -> Iterator[str]:
        if isinstance(delta.witness, Unimplemented):
            yield f"{delta.name}: not implemented: {delta.witness.reason}"
            return
        shown = delta.fixtures or tuple(self.directories)
        moves = check_delta(delta, [self.oracle(name) for name in shown])
        self.report.deltas[delta.name] = moves
        if not moves >= MIN_MOVED:
            yield (
                f"{delta.name}: taking it out moves logits by {moves:.3f} σ only;"
                f" no test could see it ({MIN_MOVED} needed)"
            )

    def _parity(self, form: Form) -> Iterator[str]:
        model, encoding = self.models[form], self.target.encoding
        found = compare(model, self.oracle(form.fixture), form.name, encoding)
        found.ranks = form.ranks
        self.report.fixtures.append(found)
        yield from disagreements(found, encoding)


def verify(
    ports: Sequence[Port],
    directory: Path,
    progress: Progress,
    compiled: Path | None = None,
    encoding: str = "float32",
) -> list[PortReport]:
    """Verifies ports together on the CPU, all their decoders compiled as one module.

    Args:
        ports: The ports.
        directory: An empty folder for the checkpoints.
        progress: Is told what starts, in a few words.
        compiled: What `ports compile` made of them, in place of compiling.
        encoding: What the ports compute in; the oracle computes in float32.
    """
    target = Target("cpu", encoding)
    batch, built = Batch(target), []
    proofs = [Proof(port, directory / port.model_type, target) for port in ports]
    for proof in proofs:
        _take(proof, proof.checks(), progress)
        progress(f"{proof.report.slug}: building the pipelines")
        try:
            with reusing(compiled):
                proof.build(batch, batch)
        except PortError as error:
            proof.report.problems.append(str(error))
        else:
            built.append(proof)
    if built and compiled:
        batch.load(compiled)
    elif built:
        progress(f"compiling {len(batch.pending)} decoders as one module (minutes when cold)")
        batch.compile()
    for proof in built:
        _take(proof, proof.parities(), progress)
    return [proof.report for proof in proofs]


def _take(proof: Proof, steps: Iterable[ProofStep], progress: Progress) -> None:
    for step in steps:
        progress(f"{proof.report.slug}: {step.name}")
        proof.report.problems += step.problems()
