# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports canary` with the transformers that MAX pins, in a real environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pin_of_max_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "tools", "canary", "--transformers", "5.12.1", "--json"]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    found = json.loads(ran.stdout)
    assert [port for port in found["ports"] if port["breaks"]] == []
    assert ran.returncode == 0
    changed = {port["port"]: port["changed"] for port in found["ports"]}
    assert "MixtralExperts.forward" in changed["mixtral"]
    assert len(changed) > 10
    # The environment was of its own, and is gone.
    assert found["from"] != found["to"]
    assert list(tmp_path.glob("ports-canary-*")) == []
