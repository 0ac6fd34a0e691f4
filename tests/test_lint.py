# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lint, format and types, over every source that Bazel declares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ["architectures", "bazel", "bench", "common", "hunt", "proof", "tests", "tools"]


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"], ["mypy"]],
    ids=" ".join,
)
def test_lint(tool: list[str], tmp_path: Path) -> None:
    where = ["--cache-dir", str(tmp_path)] if tool == ["mypy"] else FOLDERS
    ran = subprocess.run(
        [sys.executable, "-m", *tool, *where],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_declared(folder: str) -> None:
    assert list((ROOT / folder).rglob("*.py"))
