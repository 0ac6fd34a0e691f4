# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every port must show; the environment's PORT names it, so each port has its own target.

COMPILED is the directory of its compiled graphs, RANKED of those divided over ranks, BESIDE of
those that every pipeline runs; here nothing compiles.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from architectures import load_port
from common.compiled.record import Record
from common.declaration import PROMPTS, Fixture
from hunt.reference_taps import TappedReference
from hunt.subject import Subject
from hunt.taps import tapping
from proof.batch import Batch
from proof.compile import reusing
from proof.harness import build
from proof.parity import tokens
from proof.verify import Proof, ProofStep

PORT = load_port(os.environ["PORT"])
COMPILED, RANKED, BESIDE = (Path(os.environ[n]) for n in ("COMPILED", "RANKED", "BESIDE"))
TARGET = Record.read(COMPILED).made_for
SCRATCH = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
PROOF = Proof(PORT, Path(SCRATCH.name), TARGET)


@pytest.fixture(scope="session")
def built() -> None:
    batch, ranked = Batch(TARGET), Batch(TARGET)
    with reusing(BESIDE):
        PROOF.build(batch, ranked)
    batch.load(COMPILED)
    if ranked.pending:
        ranked.load(RANKED)


@pytest.mark.parametrize("step", PROOF.checks(), ids=lambda step: step.name)
def test_fixtures_show_every_delta(step: ProofStep) -> None:
    assert list(step.problems()) == []


@pytest.mark.parametrize("fixture", PORT.fixtures, ids=lambda fixture: fixture.name)
def test_a_hunt_compares_everything(fixture: Fixture) -> None:
    directory = PROOF.directories[fixture.name]
    names: dict[str, list[str]] = {}
    with reusing(BESIDE), Batch(TARGET).collecting("tapped"), tapping(names):
        build(directory, max_batch_size=len(PROMPTS), target=TARGET)
    (taps,) = names.values()
    subject = Subject.of(PORT, directory)
    reference = TappedReference(directory, subject.weight_map, subject.tensors)
    assert set(taps) - set(reference.taps(tokens(8))) == set()


@pytest.mark.parametrize("step", PROOF.parities(), ids=lambda step: step.name)
def test_parity(step: ProofStep, built: None) -> None:
    assert list(step.problems()) == []
    found = PROOF.report.fixtures[-1]
    assert found.prompts == list(PROMPTS)
    assert all(agreement.positions >= 24 for agreement in found.decode)
