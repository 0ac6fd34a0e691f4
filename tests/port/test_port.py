# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""What every port must show; the environment's PORT names it, so each port has its own target.

COMPILED is the directory of its compiled graphs; here nothing compiles.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from common.hunting.reference_taps import Reference
from common.hunting.subject import Subject
from common.hunting.taps import tapping
from common.pipeline.compiled import Record
from common.testing import verify
from common.testing.batch import Batch
from common.testing.checkpoints import write_checkpoint
from common.testing.compile import reusing
from common.testing.declare import PROMPTS, Delta, Fixture, load_port
from common.testing.harness import build

PORT = load_port(os.environ["PORT"])
COMPILED = Path(os.environ["COMPILED"])
TARGET = Record.read(COMPILED).made_for
FIXTURES = pytest.mark.parametrize("fixture", PORT.fixtures, ids=lambda f: f.name)


@pytest.fixture(scope="session")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        f.name: write_checkpoint(PORT, f, root / f.name, dtype=TARGET.encoding)
        for f in PORT.fixtures
    }


@pytest.fixture(scope="session")
def models(directories: dict[str, Path]) -> dict[str, Any]:
    batch, models = Batch(TARGET), {}
    with reusing(COMPILED):
        for name, path in directories.items():
            with batch.collecting(f"{PORT.model_type}/{name}"):
                models[name] = build(path, max_batch_size=len(PROMPTS), target=TARGET)
    batch.load(COMPILED)
    return models


def test_at_least_two_fixtures_cover_every_flag(directories: dict[str, Path]) -> None:
    assert len(PORT.fixtures) >= 2
    assert list(verify.check_flags(PORT, directories)) == []


@FIXTURES
def test_every_config_key_is_accounted_for_in_both_spellings(
    fixture: Fixture, directories: dict[str, Path]
) -> None:
    assert list(verify.check_config(PORT, fixture, directories[fixture.name])) == []


@FIXTURES
def test_oracle_is_sound(fixture: Fixture, directories: dict[str, Path]) -> None:
    assert list(verify.check_oracle(PORT, fixture, directories[fixture.name])) == []


@pytest.mark.parametrize("delta", PORT.deltas, ids=lambda d: d.name)
def test_delta_has_a_witness(delta: Delta, directories: dict[str, Path]) -> None:
    assert verify.delta_moves(PORT, delta, directories) > verify.MIN_MOVED


@FIXTURES
def test_a_hunt_compares_everything(fixture: Fixture, directories: dict[str, Path]) -> None:
    directory = directories[fixture.name]
    names: dict[str, list[str]] = {}
    with reusing(COMPILED), Batch(TARGET).collecting("tapped"), tapping(names):
        build(directory, max_batch_size=len(PROMPTS), target=TARGET)
    (taps,) = names.values()
    subject = Subject.of(PORT, directory)
    reference = Reference(directory, subject.weight_map, subject.tensors)
    assert set(taps) - set(reference.taps(verify.tokens(8))) == set()


@FIXTURES
def test_parity(fixture: Fixture, directories: dict[str, Path], models: dict[str, Any]) -> None:
    report = verify.compare(
        models[fixture.name], directories[fixture.name], fixture.name, TARGET.encoding
    )
    assert report.prompts == list(PROMPTS)
    assert all(found.positions >= 24 for found in report.decode)
    assert list(verify.disagreements(report, TARGET.encoding)) == []
