# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the speed of ports with MAX's own Llama and with transformers, in one run.

Prefill and decode tokens a second of models of 100 to 150 million parameters: float32, batches of 1
and 4 on a CPU; bfloat16, 1 and 32 on a GPU. Runs are paired: each round asks every system once, and
a ratio is the median of those of the rounds. Nothing else should run.

    .venv/bin/python bench/serving.py
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROUNDS, PROMPT, NEW = 5, 128, 48
#: Of all models; a kind adds its own.
SIZES = dict(hidden_size=768, intermediate_size=2048, num_hidden_layers=12, vocab_size=32000)
HEADS = dict(num_attention_heads=12, num_key_value_heads=4, head_dim=64)
PLAIN = {"tie_word_embeddings": True, "max_position_embeddings": 512}
#: A port of each kind of decoder.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("smollm3", {"no_rope_layers": [1] * 12}),
    "parallel block with windows": ("cohere2", {"sliding_window": 128}),
    "sparse": ("mixtral", {"intermediate_size": 512, "num_local_experts": 8}),
}
#: Takes prompts and a count of new tokens, and generates.
System = Callable[[list[list[int]], int], None]


def prompts(count: int, seed: int) -> list[list[int]]:
    """Returns random prompts: none twice, since MAX would find the second in its cache."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, 256, (count, PROMPT)).tolist()


def on_max(directory: Path, target: Any, batch: int) -> System:
    """Returns a pipeline of MAX, of a port or of an architecture of its own."""
    from max.pipelines.lib.generate import GenerateIterator

    from proof.harness import build

    pipeline = build(directory, max_batch_size=batch, target=target).pipeline

    def run(asked: list[list[int]], new: int) -> None:
        options: Any = dict(ignore_eos=True, temperature=0.0, top_k=1)
        with GenerateIterator(pipeline, asked, max_new_tokens=new, **options) as steps:
            for _ in steps:
                pass

    return run


def on_transformers(directory: Path, target: Any) -> System:
    """Returns transformers' model, on the same device in the same dtype, with its cache."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(os.cpu_count() or 1)
    dtype, device = getattr(torch, target.encoding), "cpu" if target.kind == "cpu" else "cuda"
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype).eval().to(device)

    def run(asked: list[list[int]], new: int) -> None:
        ids = torch.tensor(asked, device=device)
        options: Any = dict(do_sample=False, max_new_tokens=new, min_new_tokens=new)
        with torch.no_grad():
            model.generate(ids, attention_mask=torch.ones_like(ids), **options)
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def measured(systems: dict[str, System], batch: int) -> dict[str, dict[str, list[float]]]:
    """Returns each system's tokens a second in prefill and decode, round by round."""
    found: dict[str, dict[str, list[float]]] = {
        name: {"prefill": [], "decode": [], "first_token_ms": []} for name in systems
    }
    for number in range(ROUNDS + 1):
        for name, run in systems.items():
            seconds = []
            for new in (1, NEW + 1):
                asked = prompts(batch, seed=1000 * number + 10 * len(seconds) + batch)
                began = time.perf_counter()
                run(asked, new)
                seconds.append(time.perf_counter() - began)
            if number == 0:
                continue  # The first round warms up.
            first, all_of_them = seconds
            found[name]["prefill"].append(batch * PROMPT / first)
            found[name]["first_token_ms"].append(1000 * first)
            found[name]["decode"].append(batch * NEW / (all_of_them - first))
    return found


def against(found: dict[str, dict[str, list[float]]], ours: str, other: str) -> dict[str, float]:
    """Returns the medians of paired ratios, ours over another's."""
    return {
        phase: round(
            statistics.median(
                a / b for a, b in zip(found[ours][phase], found[other][phase], strict=True)
            ),
            2,
        )
        for phase in ("prefill", "decode")
    }


def bandwidth() -> float:
    """Returns the bytes a second at which all cores read memory, the best of five."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    block = torch.ones(2**28)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        block.sum()
        seconds.append(time.perf_counter() - began)
    return block.nbytes / min(seconds)


def of_kind(kind: str, target: Any, batches: tuple[int, ...], root: Path) -> dict[str, Any]:
    """Measures a port of a kind, beside MAX's Llama if it is plain, and transformers."""
    from architectures import load_port
    from common.declaration import Fixture, Port
    from proof.checkpoints import write_checkpoint

    slug, own = KINDS[kind]
    fixture = Fixture("bench", SIZES | PLAIN | own, attention=HEADS)
    directory = write_checkpoint(load_port(slug), fixture, root / slug, dtype=target.encoding)
    weights = (directory / "model.safetensors").stat().st_size
    found: dict[str, Any] = {"port": slug, "weights_bytes": weights}
    for batch in batches:
        systems = {"port": on_max(directory, target, batch)}
        if kind == "plain":
            llama = Port("llama", "LlamaForCausalLM", (), ())
            native = root / f"llama-{batch}"
            write_checkpoint(
                llama,
                Fixture("bench", SIZES | PLAIN, attention=HEADS),
                native,
                dtype=target.encoding,
            )
            systems["MAX's Llama"] = on_max(native, target, batch)
        systems["transformers"] = on_transformers(directory, target)
        runs = measured(systems, batch)
        medians = {
            name: {phase: round(statistics.median(each), 1) for phase, each in phases.items()}
            for name, phases in runs.items()
        }
        ratios = {name: against(runs, "port", name) for name in systems if name != "port"}
        found[f"batch {batch}"] = {"median": medians, "port over": ratios}
        if batch == 1 and target.kind == "cpu" and kind != "sparse":
            read = medians["port"]["decode"] * weights
            found["decode_share_of_bandwidth"] = round(read / bandwidth(), 2)
        print(kind, json.dumps(found[f"batch {batch}"]["port over"]), flush=True)
    return found


def main() -> None:
    """Measures all kinds, or those named on the command line."""
    sys.path.insert(0, str(ROOT))
    os.environ["HF_HUB_OFFLINE"] = "1"
    from max.driver import accelerator_count

    from common.compiled.target import Target

    gpu = bool(accelerator_count())
    target, batches = (Target("gpu", "bfloat16"), (1, 32)) if gpu else (Target(), (1, 4))
    with tempfile.TemporaryDirectory() as scratch:
        kinds = {
            kind: of_kind(kind, target, batches, Path(scratch)) for kind in sys.argv[1:] or KINDS
        }
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {'GPU' if gpu else 'no GPU'}",
        "encoding": target.encoding,
        "prompt": PROMPT,
        "new_tokens": NEW,
        "rounds": ROUNDS,
        "kinds": kinds,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
