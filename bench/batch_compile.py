# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What compiling costs as ports come: CPU seconds of one port, of a quarter of all, of half.

It runs what Bazel's actions run, with nothing cached; only compiles are timed. Prints the curve and
what a port and a graph more cost in its last quarter, and writes them next to this file.

    .venv/bin/python bench/batch_compile.py [COUNT...]
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def run(script: str, *arguments: str) -> None:
    """Runs a build action's script in a process of its own."""
    subprocess.run(
        [sys.executable, f"bazel/{script}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def compiled(traced: Sequence[Path]) -> dict[str, Any]:
    """Compiles what some folders hold as one module; returns its CPU and wall seconds."""
    graphs = sum(len(json.loads((t / "compiled.json").read_text())["bodies"]) for t in traced)
    with tempfile.TemporaryDirectory() as out:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        run("compile_graphs.py", "decoders", "cpu", out, *map(str, traced))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "ports": len(traced),
        "graphs": graphs,
        "cpu_s": round(used, 1),
        "wall_s": round(time.monotonic() - began, 1),
    }


def main() -> None:
    """Draws the curve over all ports, in the order of their names."""
    sys.path.insert(0, str(ROOT))
    from architectures import slugs

    ports = slugs()
    counts = [int(count) for count in sys.argv[1:]]
    counts = counts or sorted({1, *(max(1, len(ports) * n // 4) for n in (1, 2, 3, 4))})
    with tempfile.TemporaryDirectory() as scratch:
        traced = [Path(scratch) / slug for slug in ports]
        for slug, folder in zip(ports, traced, strict=True):
            others = [Path(scratch, f"{slug}_{kind}") for kind in ("ranked", "beside", "hunted")]
            for made in (folder, *others):
                made.mkdir()
            run("trace_graphs.py", "cpu", slug, str(folder), *map(str, others))
        curve = [compiled(traced[:count]) for count in counts]
    last, before = curve[-1], curve[-2]
    more = last["cpu_s"] - before["cpu_s"]
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "curve": curve,
        "last_quarter": {
            "cpu_s_a_port": round(more / (last["ports"] - before["ports"]), 1),
            "cpu_s_a_graph": round(more / (last["graphs"] - before["graphs"]), 1),
        },
    }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
