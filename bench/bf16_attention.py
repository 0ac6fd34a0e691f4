# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what MAX's CPU kernel for attention loses in bfloat16, and where.

A port prefills one prompt with taps. Each layer's context is compared with what its own q, k and v
give in float64, so that nothing but the kernel is judged, and with an emulation of the kernel that
rounds after every product. If they agree bit by bit, that is what it does. Errors are relative to a
token's context, by how much the token sees.

    .venv/bin/python bench/bf16_attention.py
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch

from architectures import load_port
from common.compiled.target import Target
from common.layers import attend
from hunt.subject import Subject
from hunt.taps import KEYS, QUERIES, run, tapping
from proof.batch import Batch
from proof.checkpoints import write_checkpoint
from proof.harness import build
from proof.parity import tokens

#: Ports and fixtures: those that would miss the limits of bfloat16 with this kernel.
JUDGED = (("smollm3", "tied"), ("glm", "glm4_tied_multi_query"))
PROMPT = 500
#: Tokens from one of these to the next are one row of the result.
CONTEXTS = (0, 5, 37, 128, 256, PROMPT)
#: Keys that the kernel takes at a time (mha.mojo: qk_block_n), and the values of one register.
BLOCK, LANES = 128, 32 if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else 16

Heads = torch.Tensor


def rounded(x: Heads) -> Heads:
    """Rounds float32 to bfloat16."""
    return x.bfloat16().float()


def summed(start: Heads, a: Heads, b: Heads) -> Heads:
    """Returns ``start + a @ b`` as the kernel has it, rounded after each product."""
    for i in range(a.shape[-1]):
        start = rounded(start + a[..., i : i + 1] * b[:, i : i + 1])
    return start


def by_lanes(p: Heads) -> Heads:
    """Returns the sums of the last axis as the kernel has them: lanes first, rounded each time."""
    whole = p.shape[-1] // LANES * LANES
    lanes = torch.zeros(*p.shape[:-1], LANES)
    for part in p[..., :whole].split(LANES, -1):
        lanes = rounded(lanes + part)
    while (half := lanes.shape[-1] // 2) > 0:
        lanes = rounded(lanes[..., :half] + lanes[..., half:])
    total = lanes[..., 0]
    for i in range(whole, p.shape[-1]):
        total = rounded(total + p[..., i])
    return total


def emulated(q: Heads, k: Heads, v: Heads, scale: float) -> Heads:
    """Returns causal attention of ``[heads, tokens, head_dim]`` with every step in bfloat16."""
    heads, count, head_dim = q.shape
    factor = float(torch.tensor(scale).bfloat16())
    largest = torch.full((heads, count), -torch.inf)
    total, out = torch.zeros(heads, count), torch.zeros(heads, count, head_dim)
    for begin in range(0, count, BLOCK):
        keys, values = k[:, begin : begin + BLOCK], v[:, begin : begin + BLOCK]
        scores = rounded(summed(torch.zeros(1), q, keys.transpose(1, 2)) * factor)
        hidden = torch.ones(count, keys.shape[1]).triu(1 - begin).bool()
        scores = scores.masked_fill(hidden, -torch.inf)
        most = torch.maximum(largest, scores.amax(-1))
        p = rounded(torch.exp(rounded(scores - most[..., None])))
        shrunk = rounded(torch.exp(rounded(largest - most)))
        total = rounded(total * shrunk + by_lanes(p))
        out = summed(rounded(out * shrunk[..., None]), p, values)
        largest = most
    return rounded(out * rounded(1 / total)[..., None])


def exact(q: Heads, k: Heads, v: Heads, scale: float) -> Heads:
    """Returns the same in float64."""
    q, k, v = q.double(), k.double(), v.double()
    hidden = torch.ones(q.shape[1], q.shape[1]).triu(1).bool()
    scores = (q @ k.transpose(1, 2) * scale).masked_fill(hidden, -torch.inf)
    return scores.softmax(-1) @ v


def errors(got: Heads, expected: Heads) -> list[float]:
    """Returns a root mean square over tokens for each row of the result."""
    apart = (got - expected).norm(dim=(0, 2)) / expected.norm(dim=(0, 2))
    rows = (apart[a:b].square().mean().sqrt() for a, b in pairwise(CONTEXTS))
    return [float(f"{float(row):.2g}") for row in rows]


def judged(subject: Subject, taps: dict[str, Any], layer: int) -> dict[str, Any]:
    """Returns what one layer's kernel did with its q, k and v."""
    owner = f"layers.{layer}.self_attn"
    sizes = subject.config.heads
    kv_heads, head_dim = sizes["num_kv_heads"], sizes["head_dim"]

    def heads(name: str) -> Heads:
        rows = torch.from_numpy(np.ascontiguousarray(taps[f"{owner}.{name}"]))
        return rows.reshape(PROMPT, -1, head_dim).transpose(0, 1)

    q, context = heads(QUERIES), heads("o_proj.input")
    k, v = (heads(name).repeat_interleave(len(q) // kv_heads, 0) for name in (KEYS, "v_proj"))
    expected, guess = exact(q, k, v, head_dim**-0.5), emulated(q, k, v, head_dim**-0.5)
    return {
        "kernel": errors(context, expected),
        "rounding_alone": errors(rounded(expected.float()), expected),
        "as_emulated": round(float((guess == context).float().mean()), 4),
    }


def main() -> None:
    """Compiles the ports' fixtures together, and judges every layer of each."""
    batch = Batch(Target("cpu", "bfloat16"))
    names: dict[str, list[str]] = {}
    models, found = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for slug, name in JUDGED:
            port = load_port(slug)
            (fixture,) = (f for f in port.fixtures if f.name == name)
            at = write_checkpoint(port, fixture, Path(scratch) / slug, dtype="bfloat16")
            # On a CPU ports do without the kernel in bfloat16, because of what this measures.
            kernel = mock.patch.object(attend, "sums_in_float32", return_value=True)
            with kernel, tapping(names), batch.collecting(slug):
                model = build(at, max_batch_size=1, target=batch.target)
            models[slug] = Subject.of(port, at), model
        batch.compile()
        for (slug, name), (subject, model) in zip(JUDGED, models.values(), strict=True):
            (taps,) = run(model, names[f"{slug}/decoder"], tokens(PROMPT), 0)[1]
            layers = range(subject.settings.num_hidden_layers)
            found[f"{slug}/{name}"] = [judged(subject, taps, layer) for layer in layers]
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "max": version("max"),
        "contexts": [f"{a + 1} to {b}" for a, b in pairwise(CONTEXTS)],
        "layers": found,
    }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
