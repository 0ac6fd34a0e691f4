# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The arrows between rooms, as pyproject.toml has them for import-linter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUN = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(sys.argv[1], no_cache=True))
"""


def linted(config: Path) -> subprocess.CompletedProcess[str]:
    # In a process of its own: it reads sources that this one has imported.
    return subprocess.run(
        [sys.executable, "-c", RUN, str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        # MAX's libraries change the C environment of this process; a child needs Python's view.
        env=dict(os.environ),
    )


def test_rooms_import_from_those_below() -> None:
    ran = linted(ROOT / "pyproject.toml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arrow", "upside_down"),
    [
        ('"tools", "hunt", "proof"', '"tools", "proof", "hunt"'),
        ('"prove", "port"', '"port", "prove"'),
        ('"layers", "adapters", "config"', '"config", "layers", "adapters"'),
    ],
)
def test_an_arrow_that_points_up_is_seen(arrow: str, upside_down: str, tmp_path: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert arrow in text
    config = tmp_path / "pyproject.toml"
    config.write_text(text.replace(arrow, upside_down))
    ran = linted(config)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "BROKEN" in ran.stdout
