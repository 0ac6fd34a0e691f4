# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Weight maps: each rule against plain numpy, and the audit against every kind of misfit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from max.driver import Buffer
from max.dtype import DType
from max.graph import DeviceRef, Weight
from max.graph.weights import WeightData
from transformers import AutoConfig

from architectures.smollm3.model_config import SmolLM3Config
from architectures.smollm3.weight_adapters import weight_map
from common.adapters import (
    CanonicalRope,
    Drop,
    Rename,
    SplitInterleavedQKV,
    WeightMap,
    adapt,
    audit,
)
from common.adapters.rules import take_rows
from common.config import RopeParameters
from common.errors import PortError

Array = npt.NDArray[np.float32]


class Stored:
    """One tensor of a checkpoint, as MAX hands it to an adapter."""

    def __init__(self, name: str, array: Array) -> None:
        self.name, self.array = name, array

    def data(self) -> WeightData:
        return WeightData.from_numpy(self.array, self.name)


def convert(weight_map: WeightMap, tensors: dict[str, Array]) -> dict[str, Array]:
    stored = {name: Stored(name, array) for name, array in tensors.items()}
    adapted = weight_map.convert(stored, DType.float32)  # type: ignore[arg-type]
    return {name: np.from_dlpack(data.data) for name, data in adapted.items()}


def numbers(*shape: int) -> Array:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def parameters(shapes: dict[str, Iterable[int]]) -> dict[str, Weight]:
    return {n: Weight(n, DType.float32, s, DeviceRef.CPU()) for n, s in shapes.items()}


def data(name: str, *shape: int) -> WeightData:
    return WeightData.from_numpy(np.zeros(shape, np.float32), name)


def test_rename_and_drop_match_whole_names() -> None:
    rules = WeightMap(Drop(r"a\.bias", "a buffer"), Rename(r"a\.(.*)", r"b.\1"))
    tensors = {"a.bias": numbers(1), "a.c.bias": numbers(2), "xa.bias": numbers(3)}
    assert sorted(convert(rules, tensors)) == ["b.c.bias", "xa.bias"]


def test_two_tensors_of_one_name_stop_the_load() -> None:
    with pytest.raises(PortError, match="tensors a and b both become c"):
        convert(WeightMap(Rename("[ab]", "c")), {"a": numbers(1), "b": numbers(1)})


@pytest.mark.parametrize(("tied", "left"), [(True, []), (False, ["lm_head.weight"])])
def test_a_head_on_disk_is_used_unless_tied(tied: bool, left: list[str]) -> None:
    config = SmolLM3Config.from_huggingface(
        AutoConfig.for_model("smollm3", tie_word_embeddings=tied)
    )
    stored = {"lm_head.weight": Stored("lm_head.weight", numbers(2, 2))}
    assert list(adapt(config, weight_map, stored, DType.float32)) == left  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(24, 5), (24,)])
def test_split_interleaved_qkv(shape: tuple[int, ...]) -> None:
    fused = numbers(*shape)
    rule = SplitInterleavedQKV(r"l\.qkv\.w", "l.{}.w", num_heads=2, head_dim=4)
    parts = convert(WeightMap(rule), {"l.qkv.w": fused})
    heads = fused.reshape(2, 3, 4, *shape[1:])
    for i, name in enumerate("qkv"):
        np.testing.assert_array_equal(parts[f"l.{name}.w"], heads[:, i].reshape(8, *shape[1:]))


def rotate(x: Array, pairs: list[tuple[int, int]], angles: Array) -> Array:
    out = x.copy()
    for (i, j), angle in zip(pairs, angles, strict=True):
        cos, sin = np.cos(angle), np.sin(angle)
        out[i], out[j] = x[i] * cos - x[j] * sin, x[j] * cos + x[i] * sin
    return out


@given(
    interleaved=st.booleans(),
    factor=st.sampled_from([0.25, 0.5, 1.0]),
    head_dim=st.sampled_from([16, 32]),
    seed=st.integers(0, 1000),
)
def test_canonical_rope_keeps_every_dot_product(
    interleaved: bool, factor: float, head_dim: int, seed: int
) -> None:
    rope = RopeParameters.read(
        {"rope_theta": 777.0, "partial_rotary_factor": factor},
        head_dim=head_dim,
        max_position_embeddings=64,
    )
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((2, head_dim)).astype(np.float32)
    order = CanonicalRope(rope, interleaved=interleaved).order()
    assert sorted(order) == list(range(head_dim))
    rotary, half = rope.rotary_dim, head_dim // 2
    theirs = (
        [(2 * i, 2 * i + 1) for i in range(rotary // 2)]
        if interleaved
        else [(i, i + rotary // 2) for i in range(rotary // 2)]
    )
    ours = [(i, i + half) for i in range(half)]
    frequencies, _ = rope.frequencies()
    m, n = rng.integers(0, 64, 2)
    expected = (
        rotate(q, theirs, m * frequencies) @ rotate(k, theirs, n * frequencies)
        if (factor == 1.0)
        else rotate(q, theirs, m * frequencies[: rotary // 2])
        @ rotate(k, theirs, n * frequencies[: rotary // 2])
    )
    found = rotate(q[order], ours, m * frequencies) @ rotate(k[order], ours, n * frequencies)
    assert found == pytest.approx(expected, abs=1e-4)


def test_canonical_rope_permutes_each_head_of_q_and_k_only() -> None:
    rope = RopeParameters.read({"rope_theta": 1e4}, head_dim=4, max_position_embeddings=8)
    prefix = "layers.0.self_attn."
    tensors = {f"{prefix}{p}_proj.bias": numbers(8) for p in "qkvo"}
    found = convert(WeightMap(CanonicalRope(rope, interleaved=True)), tensors)
    for part in "qk":
        assert found[f"{prefix}{part}_proj.bias"].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    for part in "vo":
        assert found[f"{prefix}{part}_proj.bias"].tolist() == list(range(8))


def test_rows_of_bfloat16_move_unchanged() -> None:
    bits = np.arange(6, dtype=np.uint16).reshape(3, 2)
    buffer = Buffer.from_numpy(bits).view(DType.bfloat16)
    taken = take_rows(
        WeightData(buffer, "w", DType.bfloat16, data("w", 3, 2).shape), np.array([2, 0])
    )
    assert taken.dtype == DType.bfloat16
    moved = Buffer.from_dlpack(taken.data).view(DType.uint16).to_numpy()
    assert moved.tolist() == [[4, 5], [0, 1]]


def test_audit_accepts_a_perfect_fit() -> None:
    audit({"w": data("m.w", 2, 3)}, parameters({"w": (2, 3)}))


@pytest.mark.parametrize(
    ("adapted", "shapes", "message"),
    [
        (
            {"w": data("m.w", 2), "up.weight": data("m.up.weight", 2)},
            {"w": (2,)},
            r"^checkpoint tensor m.up.weight \(as up.weight\) is not a parameter of the graph$",
        ),
        (
            {"up.weigth": data("m.up.weigth", 2)},
            {"up.weight": (2,)},
            r"m.up.weigth .* is not a parameter of the graph \(nearest: up.weight\) \(and 1 more\)",
        ),
        ({}, {"w": (2,)}, "^the checkpoint has no tensor for parameter w$"),
        (
            {"w": data("m.w", 3, 2)},
            {"w": (2, 3)},
            r"^checkpoint tensor m.w has shape \[3, 2\] as w; the graph expects \[2, 3\]$",
        ),
        (
            {"w": WeightData.from_numpy(np.zeros(2, np.int32), "m.w")},
            {"w": (2,)},
            "^checkpoint tensor m.w is .*int32 as w; the graph expects .*float32$",
        ),
    ],
)
def test_audit_names_the_misfit(
    adapted: dict[str, WeightData], shapes: dict[str, Iterable[int]], message: str
) -> None:
    with pytest.raises(PortError, match=message):
        audit(adapted, parameters(shapes))
