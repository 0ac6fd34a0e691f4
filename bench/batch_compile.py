# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares compiling the graphs of all ports as one module with compiling each port's apart.

It runs what Bazel's action runs, with nothing cached. Prints CPU seconds (user and system) and the
ratio, and writes them next to this file.

    .venv/bin/python bench/batch_compile.py
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cpu_seconds(slugs: list[str]) -> dict[str, float]:
    """Compiles the fixtures of ``slugs`` in one process; returns its CPU and wall seconds."""
    with tempfile.TemporaryDirectory() as out:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(
            [sys.executable, "bazel/compile_graphs.py", out, "cpu", *slugs],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(used, 1), "wall_s": round(time.monotonic() - began, 1)}


def main() -> None:
    """Runs the comparison over all ports."""
    sys.path.insert(0, str(ROOT))
    from architectures import slugs

    apart = {slug: cpu_seconds([slug]) for slug in slugs()}
    together = cpu_seconds(slugs())
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "apart": apart,
        "together": together,
        "ratio": round(together["cpu_s"] / sum(run["cpu_s"] for run in apart.values()), 3),
    }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
