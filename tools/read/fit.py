# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How many GPUs a model and its KV cache take, and the arithmetic that says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import PortError, nearest
from tools.terminal.output import many, size

from .config import number, sizes

GIB = 1024**3
#: Memory of GPUs in GiB, by the name on the box.
GPUS = {
    "A10": 24,
    "A100": 80,
    "B200": 180,
    "H100": 80,
    "H200": 141,
    "L4": 24,
    "L40S": 48,
    "MI300X": 192,
    "MI325X": 256,
    "MI355X": 288,
    "RTX4090": 24,
    "RTX5090": 32,
}
#: The share of a GPU's memory that MAX takes for weights and cache, unless told otherwise.
SHARE = 0.9
#: Bytes of an element in the encodings that ports serve.
ENCODINGS = {"bfloat16": 2, "float32": 4}
#: As many devices as MAX's collectives take.
MOST_DEVICES = 8
#: Tokens of a conversation, where the question is whether its cache fits.
LENGTH = 8192


@dataclass(frozen=True)
class Fit:
    """Whether a model fits one GPU, and the arithmetic.

    Attributes:
        gpu: The GPU.
        memory: Its bytes.
        usable: The share of them that weights and cache may take.
        weights: Bytes of the parameters as served.
        cache: Bytes of the KV cache of one sequence; None if the config does not say its sizes.
        length: Tokens of that sequence.
        arithmetic: How the two came about.
        fits: The verdict; None where a number is missing.
        devices: On how many such GPUs it fits, of the counts that its heads divide over; None if it
            fits none of these, or a number is missing.
    """

    gpu: str
    memory: int
    usable: int
    weights: int | None
    cache: int | None
    length: int
    arithmetic: tuple[str, ...]
    fits: bool | None
    devices: int | None = None


def counts(heads: int, kv_heads: int) -> list[int]:
    """Returns over how many devices a decoder's heads divide: see ``DecoderConfig.check_ranks``."""
    return [
        count
        for count in range(1, MOST_DEVICES + 1)
        if not heads % count and not (kv_heads % count and count % kv_heads)
    ]


def spread(config: Mapping[str, Any], weights: int, cache: int, usable: float) -> int | None:
    """Returns the fewest devices that hold a share each of weights and cache.

    Args:
        config: config.json.
        weights: Bytes of all.
        cache: Bytes of a sequence's.
        usable: Bytes of a device.
    """
    _, heads, _, kv_heads = sizes(config)
    if not heads or not kv_heads:
        return None
    # A key-value head is on several devices, where there are more of these.
    return next(
        (
            count
            for count in counts(heads, kv_heads)
            if weights / count + cache / min(count, kv_heads) <= usable
        ),
        None,
    )


def layers(config: Mapping[str, Any]) -> int | None:
    """Returns the number of layers that a config names."""
    return number(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers")


def cache_bytes(config: Mapping[str, Any], length: int, element: int) -> tuple[int, str] | None:
    """Returns the bytes of a sequence's KV cache and the arithmetic; None if sizes are missing.

    Every layer counts as one that attends to everything: windows and states need less.
    """
    count = layers(config)
    _, _, head_dim, kv_heads = sizes(config)
    rank, rope = number(config, "kv_lora_rank"), number(config, "qk_rope_head_dim")
    each = f"{length} tokens × {element} bytes"
    if count and rank and rope:
        said = f"{count} layers × ({rank} latent + {rope} RoPE) × {each}"
        return count * (rank + rope) * length * element, said
    if not (count and head_dim and kv_heads):
        return None
    said = f"2 × {count} layers × {kv_heads} key-value heads × {head_dim} × {each}"
    return 2 * count * kv_heads * head_dim * length * element, said


def estimated(config: Mapping[str, Any]) -> int | None:
    """Returns about how many parameters a config's sizes make; None if some are missing.

    A plain decoder's projections, three matrices an MLP, and experts in every layer.
    """
    hidden, heads, head_dim, kv_heads = sizes(config)
    count, vocab = layers(config), number(config, "vocab_size")
    if not (hidden and heads and head_dim and kv_heads and count and vocab):
        return None
    width = number(config, "moe_intermediate_size", "intermediate_size", "n_inner", "ffn_dim")
    experts = number(config, "num_experts", "num_local_experts", "n_routed_experts") or 1
    attention = 2 * hidden * head_dim * (heads + kv_heads)
    mlp = 3 * hidden * (width or 8 * hidden // 3) * experts
    embeddings = vocab * hidden * (1 if config.get("tie_word_embeddings") else 2)
    return count * (attention + mlp) + embeddings


def fit(
    config: Mapping[str, Any],
    parameters: int | None,
    *,
    gpu: str = "H100",
    length: int = LENGTH,
    encoding: str = "bfloat16",
) -> Fit:
    """Returns whether weights and one sequence's cache fit a GPU.

    Raises:
        PortError: If ``gpu`` is neither a known name nor a number of GiB, or there is no such
            encoding.
    """
    if encoding not in ENCODINGS:
        raise PortError(f"no encoding {encoding!r}; ports serve {' and '.join(ENCODINGS)}")
    by_name = {name.lower(): gib for name, gib in GPUS.items()}
    gib: float | None = by_name.get(gpu.lower())
    if gib is None:
        gib = float(gpu) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", gpu) else None
    if not gib:
        raise PortError(
            f"no GPU {gpu!r}{nearest(gpu, GPUS)}; --gpu takes its GiB, or one of {', '.join(GPUS)}"
        )
    element = ENCODINGS[encoding]
    # Without weights to count, the config's sizes say about how many there are.
    about = parameters is None
    if about and not config.get("quantization_config"):
        parameters = estimated(config)
    weights = None if parameters is None else parameters * element
    cache = cache_bytes(config, length, element)
    usable = int(gib * GIB * SHARE)
    lines = [f"{gib:g} GiB × {SHARE} = {size(usable)} for weights and cache"]
    if weights is not None:
        counted = f"about {many(parameters or 0)} by the config's sizes" if about else parameters
        lines.append(f"weights: {counted} × {element} bytes = {size(weights)}")
    if cache:
        lines.append(f"cache: {cache[1]} = {size(cache[0])}")
    fits = None if weights is None or cache is None else weights + cache[0] <= usable
    if weights is not None and weights > usable:
        fits = False
    if about and weights is not None and not 0.7 < weights / usable < 1.4:
        # Too far from the limit for an estimate to be wrong.
        fits = weights < usable
    elif about:
        fits = None
    devices = 1 if fits else None
    if weights is not None and cache and not fits:
        devices = spread(config, weights, cache[0], usable)
    memory, tokens = int(gib * GIB), cache and cache[0]
    return Fit(gpu, memory, usable, weights, tokens, length, tuple(lines), fits, devices)
