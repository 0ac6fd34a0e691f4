# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One environment for two checkouts; run by the Python of an environment that `./ports` made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_environment_of_another_checkout(tmp_path: Path) -> None:
    made = Path(sys.prefix)
    copy = tmp_path / "second"
    kept = shutil.ignore_patterns(".venv", ".git", "bazel-*", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=kept, symlinks=True)
    (copy / "tools" / "terminal" / "completion.py").write_text("raise SystemExit('the copy ran')\n")

    def second(environment: Path) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PORTS_ENV": str(environment)}
        env.pop("PYTHONPATH", None)
        command = [str(copy / "ports"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, env=env)

    # Its own code, with the other's libraries.
    assert second(made).stderr == "the copy ran\n"
    assert not (copy / ".venv").exists()
    ran = second(tmp_path)
    assert ran.returncode == 1
    assert "is no environment made from this requirements_lock.txt" in ran.stderr
