# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures weight maps: memory of renames, bandwidth of moves, and the audit of many names.

The checkpoint is 64 sparse shards of 8 GB in all, so it takes no disk. Prints ratios and seconds
and writes them next to this file.

    .venv/bin/python bench/adapters.py
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from max.driver import Buffer
from max.dtype import DType
from max.graph import DeviceRef, Weight
from max.graph.weights import WeightData, load_weights

from common.adapters import (
    CanonicalRope,
    Rename,
    SplitGroupedQKV,
    Tensor,
    WeightMap,
    audit,
)
from common.config import RopeParameters
from tests.sparse import write_sparse

SHARDS, SHARD_BYTES = 64, 128 << 20


def renames(directory: Path) -> dict[str, Any]:
    """Adapts the sparse checkpoint by renaming only."""
    files = []
    for i in range(SHARDS):
        files.append(directory / f"model-{i:05}.safetensors")
        write_sparse(files[-1], {f"model.layers.{i}.w": (SHARD_BYTES // 2 // 4096, 4096)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    checkpoint = [Tensor.of(n, w.data()) for n, w in load_weights(files).items()]
    made = WeightMap(Rename(r"model\.(.*)", r"\1")).plan(checkpoint).produced
    read = {name: tensor.read() for name, tensor in made.items()}
    seconds = time.perf_counter() - began
    moved = sum(
        Buffer.from_dlpack(read[tensor.name.removeprefix("model.")].data)._data_ptr()
        != Buffer.from_dlpack(tensor.read().data)._data_ptr()
        for tensor in checkpoint
    )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "gigabytes": SHARDS * SHARD_BYTES / 1e9,
        "tensors_copied": moved,
        "peak_rss_grows_mb": round(grown / 1024, 1),
        "seconds": round(seconds, 3),
    }


def median_seconds(run: Callable[[], object]) -> float:
    """The median of five runs."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def bandwidth() -> dict[str, float]:
    """Moves of a 256 MB projection, as a share of numpy's copy bandwidth."""
    array = np.ones((16384, 4096), np.float32)
    tensor = Tensor.of("layers.0.self_attn.q_proj.weight", WeightData.from_numpy(array, "w"))
    rope = RopeParameters.read({"rope_theta": 1e4}, head_dim=128, max_position_embeddings=8)
    rules = {
        "permutation": CanonicalRope(rope=rope, interleaved=True),
        "split": SplitGroupedQKV(
            pattern=".*", to="{}", num_heads=96, num_kv_heads=16, head_dim=128
        ),
    }
    copy = median_seconds(array.copy)
    ratios = {}
    for name, rule in rules.items():
        made = WeightMap(rule).plan([tensor]).produced.values()
        ratios[name] = round(copy / median_seconds(lambda m=made: [t.read() for t in m]), 2)  # type: ignore[misc]
    return ratios


def audit_seconds() -> float:
    """The audit of 30,000 names, one of which is misspelt."""
    names = [f"layers.{i // 300}.mlp.experts.{i % 300}.w" for i in range(30_000)]
    parameters = {n: Weight(n, DType.float32, [2, 2], DeviceRef.CPU()) for n in names}
    data = WeightData.from_numpy(np.zeros((2, 2), np.float32), "w")
    weights = {name: Tensor.of(name, data) for name in names}
    audit(weights, parameters)
    return median_seconds(lambda: audit(weights, parameters))


def main() -> None:
    """Runs the measurements."""
    with tempfile.TemporaryDirectory() as directory:
        result = {
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "renames": renames(Path(directory)),
            "bandwidth_of_numpy_copy": bandwidth(),
            "audit_of_30000_names_s": round(audit_seconds(), 3),
        }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
