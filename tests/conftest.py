# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fixtures of several tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from architectures import load_port
from proof.checkpoints import write_checkpoint
from tests.support import hide


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of SmolLM3, to be read only."""
    port = load_port("smollm3")
    return write_checkpoint(port, port.fixtures[0], tmp_path_factory.mktemp("whole") / "smollm3")


@pytest.fixture
def checkpoint(whole: Path, tmp_path: Path) -> Path:
    """A copy of that checkpoint, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "checkpoint"))


@pytest.fixture
def no_starcoder2(monkeypatch: pytest.MonkeyPatch) -> None:
    """StarCoder2 has no port."""
    hide("starcoder2", monkeypatch)
