# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures looking at a large model: time and memory of `inspect`, `check-walls` and `list-keys`.

The checkpoint is 1,000 sparse shards of 30,000 tensors, so it takes no disk to speak of. Each
command runs five times, as a process of its own. Prints the medians and writes them next to this
file.

    .venv/bin/python bench/headers.py
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.sparse import write_shards

ROOT = Path(__file__).resolve().parents[1]
SHARDS, TENSORS, RUNS = 1000, 30_000, 5
CONFIG = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "hidden_size": 2048,
    "num_hidden_layers": 100,
    "num_experts": 300,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
}
#: Says its peak memory as it ends.
RUN = """
import sys
from tools.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print(open("/proc/self/status").read(), file=sys.stderr)
"""


def write(directory: Path) -> None:
    """Writes the checkpoint."""
    (directory / "config.json").write_text(json.dumps(CONFIG))
    names = (
        f"model.layers.{i // 300}.mlp.experts.{i % 300}.up_proj.weight" for i in range(TENSORS)
    )
    write_shards(directory, dict.fromkeys(names, (768, 2048)), SHARDS)


def measure(command: str, directory: Path) -> dict[str, float]:
    """The median seconds of a command, and its peak memory."""
    seconds, peak = [], 0
    for _ in range(RUNS):
        began = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-c", RUN, command, str(directory)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        seconds.append(time.perf_counter() - began)
        assert ran.returncode in (0, 1), ran.stderr
        found = re.search(r"VmHWM:\s+(\d+)", ran.stderr)
        assert found
        peak = max(peak, int(found[1]))
    return {"seconds": round(statistics.median(seconds), 2), "peak_mb": round(peak / 1024, 1)}


def main() -> None:
    """Runs the measurements."""
    with tempfile.TemporaryDirectory() as directory:
        write(Path(directory))
        result = {
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "shards": SHARDS,
            "tensors": TENSORS,
            **{c: measure(c, Path(directory)) for c in ("inspect", "check-walls", "list-keys")},
        }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
