# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Fixtures of several tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import hide

from common.testing.checkpoints import write_checkpoint
from common.testing.declare import load_port


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
