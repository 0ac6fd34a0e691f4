# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares starting a server that compiles with starting one from compiled graphs.

Every run has a compile cache of its own, empty. Prints medians of wall seconds until the server
answers, and their ratio, and writes them next to this file.

    .venv/bin/python bench/server_start.py
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 3
LENGTH = 512


def seconds_to_answer(checkpoint: Path, extra: tuple[str, ...]) -> float:
    """Starts a server, waits until it answers, and stops it."""
    from tools.run.serving import Server, command, free_port

    with tempfile.TemporaryDirectory() as cache:
        os.environ["MODULAR_HOME"] = cache
        port, began = free_port(), time.monotonic()
        server = Server(command(checkpoint, port=port, max_length=LENGTH, extra=extra), port)
        try:
            server.wait(lambda stage: None)
            return time.monotonic() - began
        finally:
            server.stop()


def main() -> None:
    """Runs the comparison on a tiny SmolLM3."""
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT)
    from architectures import load_port
    from proof.checkpoints import write_checkpoint

    with tempfile.TemporaryDirectory() as directory:
        port = load_port("smollm3")
        checkpoint = write_checkpoint(port, port.fixtures[0], Path(directory) / "smollm3")
        compiled, began = Path(directory) / "compiled", time.monotonic()
        with tempfile.TemporaryDirectory() as cache:
            subprocess.run(
                [
                    *(sys.executable, "-m", "tools", "compile", str(checkpoint)),
                    *("--max-length", str(LENGTH), "--out", str(compiled)),
                ],
                cwd=ROOT,
                env={**os.environ, "MODULAR_HOME": cache},
                check=True,
            )
        once = time.monotonic() - began
        # In turns, so that what else the machine does falls on both.
        pairs = [
            (
                seconds_to_answer(checkpoint, ()),
                seconds_to_answer(checkpoint, ("--precompiled-mefs", str(compiled))),
            )
            for _ in range(RUNS)
        ]
    compiling, precompiled = (statistics.median(run) for run in zip(*pairs, strict=True))
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "runs": RUNS,
        "compile_once_s": round(once, 1),
        "start_compiling_s": round(compiling, 1),
        "start_precompiled_s": round(precompiled, 1),
        "ratio": round(precompiled / compiling, 3),
    }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
