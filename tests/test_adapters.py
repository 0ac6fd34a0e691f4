# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weight maps: each rule against plain numpy, and the audit against every kind of misfit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from max.driver import Buffer
from max.dtype import DType
from max.graph import DeviceRef, Weight
from max.graph.type import Shape
from max.graph.weights import WeightData
from transformers import AutoConfig

from architectures.gpt2 import weight_adapters as gpt2
from architectures.smollm3.model_config import SmolLM3Config
from architectures.smollm3.weight_adapters import weight_map
from common.adapters import (
    MXFP4,
    Add,
    CanonicalRope,
    Cast,
    Drop,
    GroupOrder,
    Rename,
    RenameParts,
    Reshape,
    Rule,
    SliceRows,
    SplitGateUp,
    SplitGroupedQKV,
    SplitQKV,
    Stack,
    Tensor,
    Tie,
    Transpose,
    Unstack,
    WeightMap,
    audit,
    plan,
)
from common.config import RopeParameters
from common.errors import PortError

Array = npt.NDArray[Any]

DTYPES = {DType.float32: np.uint32, DType.bfloat16: np.uint16, DType.float8_e4m3fn: np.uint8}
dtypes = st.sampled_from(list(DTYPES))


def numbers(*shape: int) -> Array:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def stored(name: str, array: Array, dtype: DType = DType.float32) -> Tensor:
    """A tensor of a checkpoint, given by its bits unless it is float32."""
    buffer = Buffer.from_numpy(np.ascontiguousarray(array)).view(dtype)
    return Tensor.of(name, WeightData(buffer, name, dtype, Shape(array.shape)))


def read(tensor: Tensor) -> Array:
    """What a tensor reads as, checked against its description; bits unless it is float32."""
    data = tensor.read()
    assert tuple(int(dim) for dim in data.shape) == tensor.shape
    assert data.dtype == tensor.dtype
    view = DType.float32 if data.dtype == DType.float32 else DType.from_numpy(DTYPES[data.dtype])
    return Buffer.from_dlpack(data.data).view(view).to_numpy()


def convert(
    tensors: dict[str, Array], *rules: Rule, dtype: DType = DType.float32
) -> dict[str, Array]:
    planned = WeightMap(*rules).plan(stored(name, a, dtype) for name, a in tensors.items())
    return {name: read(tensor) for name, tensor in planned.produced.items()}


def address(tensor: Tensor) -> int:
    return Buffer.from_dlpack(tensor.read().data)._data_ptr()


def test_rename_and_drop_match_whole_names() -> None:
    tensors = {"a.bias": numbers(1), "a.c.bias": numbers(2), "xa.bias": numbers(3)}
    rules = Drop(r"a\.bias", "a buffer"), Rename(r"a\.(.*)", r"b.\1")
    assert sorted(convert(tensors, *rules)) == ["b.c.bias", "xa.bias"]


def test_a_plan_says_what_it_drops_and_why() -> None:
    planned = WeightMap(Drop("a", "a buffer"), Rename("a", "b")).plan([stored("a", numbers(1))])
    (dropped,) = planned.dropped
    assert (dropped.name, dropped.dropped) == ("a", "a buffer")
    assert planned.produced == {}


def test_two_tensors_of_one_name_stop_the_load() -> None:
    with pytest.raises(PortError, match="tensors a and b both become c"):
        convert({"a": numbers(1), "b": numbers(1)}, Rename("[ab]", "c"))


def test_names_and_ties_copy_nothing() -> None:
    tensor = stored("a", numbers(4, 2))
    rules = Rename("a", "b"), Tie("b", "c"), SliceRows("c", 2), Cast(".*", DType.float32)
    made = WeightMap(*rules).plan([tensor]).produced
    assert made["b"].shape == (4, 2)
    assert made["c"].shape == (2, 2)
    assert address(made["b"]) == address(made["c"]) == address(tensor)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    def explode() -> WeightData:
        raise AssertionError("read too early")

    unread = Tensor("a", (12, 4), DType.float32, explode, ("a",))
    rules = (
        Tie("a", "b"),
        SplitGateUp("a", "a.{}"),
        Transpose(
            "b",
        ),
        Cast(".*", DType.bfloat16),
    )
    planned = WeightMap(*rules).plan([unread])
    shapes = {name: tensor.shape for name, tensor in planned.produced.items()}
    assert shapes == {"a.gate": (6, 4), "a.up": (6, 4), "b": (4, 12)}
    with pytest.raises(AssertionError, match="read too early"):
        planned.produced["b"].read()


@pytest.mark.parametrize(
    ("tied", "left"), [(True, ["embed_tokens.weight"]), (False, ["lm_head.weight"])]
)
def test_a_head_alone_is_the_embedding_where_they_are_tied(tied: bool, left: list[str]) -> None:
    config = SmolLM3Config.from_huggingface(
        AutoConfig.for_model("smollm3", tie_word_embeddings=tied)
    )
    checkpoint = [stored("lm_head.weight", numbers(2, 2))]
    assert list(plan(config, weight_map, checkpoint, DType.float32).produced) == left


def test_frequencies_on_disk_are_left_out_of_every_port() -> None:
    config = SmolLM3Config.from_huggingface(AutoConfig.for_model("smollm3"))
    checkpoint = [stored("model.layers.0.self_attn.rotary_emb.inv_freq", numbers(4))]
    planned = plan(config, weight_map, checkpoint, DType.float32)
    assert not planned.produced
    assert planned.dropped[0].dropped == "frequencies of RoPE, which the config decides"


def test_cast_takes_what_it_is_told() -> None:
    def dtypes(cast: Cast) -> dict[str, DType]:
        packed = Tensor.of("p", WeightData.from_numpy(np.zeros(2, np.int32), "p"))
        half = Tensor.of("h", WeightData.from_numpy(np.zeros(2, np.float16), "h"))
        checkpoint = [packed, half, *(stored(n, numbers(2)) for n in ("w", "a.bias", "a.scales"))]
        made = WeightMap(cast).plan(checkpoint).produced
        assert all(tensor.read().dtype == tensor.dtype for tensor in made.values())
        return {name: tensor.dtype for name, tensor in made.items()}

    bf16, f32 = DType.bfloat16, DType.float32
    kept = {"p": DType.int32, "a.bias": f32, "a.scales": f32}
    assert dtypes(Cast(".*", bf16)) == {**kept, "w": bf16, "h": bf16}
    everything = {"w": bf16, "h": bf16, "a.bias": bf16, "a.scales": bf16}
    assert dtypes(Cast(".*", bf16, keep=None)) == {**everything, "p": DType.int32}
    half = DType.float16
    assert dtypes(Cast(".*", bf16, source=half)) == {**kept, "w": f32, "h": bf16}


def test_parts_are_renamed_whole() -> None:
    rule = RenameParts("m", {"attn": "self_attn", "attn.dense": "self_attn.o_proj", "m": "n"})
    names = {
        "m.0.attn.dense.bias": "0.self_attn.o_proj.bias",
        "m.0.attn.dense_h.bias": "0.self_attn.dense_h.bias",
        "m.0.c_attn.bias": "0.c_attn.bias",
        "m.m.w": "n.w",
        "mm.w": "mm.w",
    }
    assert list(convert({name: numbers(1) for name in names}, rule)) == list(names.values())


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(".".join), st.data())
def test_renaming_back_gives_the_name(name: str, data: st.DataObject) -> None:
    there = dict(zip("abcde", data.draw(st.permutations("vwxyz")), strict=True))
    back = {new: old for old, new in there.items()}
    (found,) = convert({name: numbers(1)}, RenameParts("", there), RenameParts("", back))
    assert found == name


@given(
    groups=st.integers(1, 4),
    size=st.sampled_from([2, 4]),
    outputs=st.integers(1, 3),
    data=st.data(),
)
def test_group_order_is_gptqs(groups: int, size: int, outputs: int, data: st.DataObject) -> None:
    inputs = groups * size
    of_input = data.draw(st.permutations([i // size for i in range(inputs)]))
    rng = np.random.default_rng(0)
    x, scales = rng.standard_normal(inputs), rng.standard_normal((groups, outputs))
    packed = rng.integers(-8, 8, (inputs, outputs))
    g_idx = Tensor.of("l.g_idx", WeightData.from_numpy(np.array(of_input, np.int32), "l.g_idx"))
    made = WeightMap(GroupOrder()).plan([g_idx]).produced["l.perm_idx"].read()
    assert made.dtype == DType.int32
    order = Buffer.from_dlpack(made.data).to_numpy()
    # Dequantised: each input has its own group's scale.
    expected = x @ (packed * scales[list(of_input)])
    # As the kernel computes it: inputs in order, the scale by position.
    found = x[order] @ (packed[order] * scales[np.arange(inputs) // size])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def dequantise(blocks: Array, scales: Array) -> Array:
    """MXFP4 as MAX lays it out, ``[..., bytes]`` and ``[..., groups]``, to float32."""
    magnitudes = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    values = np.concatenate([magnitudes, -magnitudes])
    nibbles = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*blocks.shape[:-1], -1)
    exponents = scales.repeat(nibbles.shape[-1] // scales.shape[-1], axis=-1).astype(np.float32)
    return values[nibbles] * np.exp2(exponents - 127)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_mxfp4_is_transformers(experts: int, groups: int, seed: int) -> None:
    import torch
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (experts, 2, groups, 16), np.uint8)
    scales = rng.integers(120, 134, (experts, 2, groups), np.uint8)
    tensors = [
        Tensor.of(name, WeightData.from_numpy(array, name))
        for name, array in (("e.w_blocks", blocks), ("e.w_scales", scales))
    ]
    made = WeightMap(MXFP4()).plan(tensors).produced
    assert {name: (t.dtype, t.shape) for name, t in made.items()} == {
        "e.w": (DType.uint8, (experts, 2, groups * 16)),
        "e.w_scale": (DType.float8_e8m0fnu, (experts, 2, groups)),
    }
    found = dequantise(
        *(
            Buffer.from_dlpack(made[name].read().data).view(DType.uint8).to_numpy()
            for name in ("e.w", "e.w_scale")
        )
    )
    expected = convert_moe_packed_tensors(
        torch.from_numpy(blocks), torch.from_numpy(scales), dtype=torch.float32
    )
    # transformers also transposes for its own matmul.
    np.testing.assert_array_equal(found, expected.transpose(1, 2).numpy())


def test_packed_tensors_of_another_type_are_refused() -> None:
    with pytest.raises(PortError, match=r"tensor w_blocks is .*float32; MXFP4 is stored as uint8"):
        convert({"w_blocks": numbers(1, 2, 16)}, MXFP4())
    with pytest.raises(PortError, match=r"tensor w.g_idx is .*float32 \[4\]; a group index is"):
        convert({"w.g_idx": numbers(4)}, GroupOrder())


heads = st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from([2, 4]), st.booleans())


@given(heads, dtypes)
def test_concatenated_qkv(sizes: tuple[int, int, int, bool], dtype: DType) -> None:
    kv, group, dim, bias = sizes
    rows = (kv * group + 2 * kv) * dim
    fused = np.arange(rows * (1 if bias else 3)).astype(DTYPES[dtype])
    fused = fused if bias else fused.reshape(rows, 3)
    rule = SplitQKV(pattern="w", to="{}", num_heads=kv * group, num_kv_heads=kv, head_dim=dim)
    made = convert(
        {"w": fused if dtype != DType.float32 else fused.view(np.float32)}, rule, dtype=dtype
    )
    back = np.concatenate([made[part] for part in "qkv"])
    assert back.view(DTYPES[dtype]).tolist() == fused.tolist()
    assert len(made["k"]) == len(made["v"]) == kv * dim


@given(heads)
def test_grouped_qkv_is_falcons(sizes: tuple[int, int, int, bool]) -> None:
    kv, group, dim, bias = sizes
    fused = numbers(kv * (group + 2) * dim, *([] if bias else [3]))
    rule = SplitGroupedQKV(
        pattern="w", to="{}", num_heads=kv * group, num_kv_heads=kv, head_dim=dim
    )
    made = convert({"w": fused}, rule)
    groups = fused.reshape(kv, group + 2, dim, -1)
    for part, expected in (
        ("q", groups[:, :-2]),
        ("k", groups[:, -2]),
        ("v", groups[:, -1]),
    ):
        np.testing.assert_array_equal(made[part].reshape(-1), expected.reshape(-1))


def test_a_split_of_other_sizes_is_refused() -> None:
    rule = SplitQKV(pattern="w", to="{}", num_heads=2, num_kv_heads=1, head_dim=4)
    with pytest.raises(PortError, match="tensor w has 15 rows; SplitQKV expects 16"):
        convert({"w": numbers(15, 2)}, rule)
    with pytest.raises(PortError, match="tensor w has 15 rows; SplitGateUp expects 14"):
        convert({"w": numbers(15, 2)}, SplitGateUp("w", "{}"))


@given(st.integers(1, 4), st.integers(1, 4), dtypes)
def test_transpose_is_its_own_inverse(n: int, m: int, dtype: DType) -> None:
    array = np.arange(n * m).astype(DTYPES[dtype]).reshape(n, m)
    bits = array.view(np.float32) if dtype == DType.float32 else array
    once = convert({"w": bits}, Transpose("w"), dtype=dtype)["w"]
    assert once.view(DTYPES[dtype]).tolist() == array.T.tolist()
    twice = convert({"w": bits}, Transpose("w"), Transpose("w"), dtype=dtype)["w"]
    assert twice.view(DTYPES[dtype]).tolist() == array.tolist()


@given(st.integers(1, 12), st.integers(1, 3), st.data())
def test_stack_and_unstack_are_inverse(count: int, rows: int, data: st.DataObject) -> None:
    experts = {f"l.e.{i}.w": numbers(rows, 2) + i for i in range(count)}
    # Files list tensors by name, 10 before 2, or in any order: numbers decide.
    listed = {name: experts[name] for name in data.draw(st.permutations(sorted(experts)))}
    stacked = convert(listed, Stack(r"l\.e\.(?P<i>\d+)\.w", "l.e.w"))
    np.testing.assert_array_equal(stacked["l.e.w"], np.stack(list(experts.values())))
    back = convert(stacked, Unstack(r"l\.e\.w", "l.e.{}.w"))
    assert back.keys() == experts.keys()
    for name, expert in experts.items():
        np.testing.assert_array_equal(back[name], expert)


def test_a_stack_with_a_gap_or_an_odd_member_is_refused() -> None:
    rule = Stack(r"e\.(?P<i>\d+)\.w", "w")
    with pytest.raises(PortError, match=r"parameter w, number 1 of 3 \(number 2: e.2.w\)"):
        convert({"e.0.w": numbers(2), "e.2.w": numbers(2)}, rule)
    with pytest.raises(PortError, match=r"tensor e.1.w is .*float32 \[3\]; e.0.w, stacked with it"):
        convert({"e.0.w": numbers(2), "e.1.w": numbers(3)}, rule)
    counted = {f"e.{i}.w": numbers(2) for i in range(3)}
    with pytest.raises(PortError, match=r"parameter w, number 3 of 4 \(number 2: e.2.w\)"):
        convert(counted, replace(rule, count=4))
    with pytest.raises(PortError, match=r"tensor e.2.w is number 2 of w, which has 2"):
        convert(counted, replace(rule, count=2))


def test_reshape_and_slice() -> None:
    assert (
        convert({"w": numbers(2, 6)}, Reshape("w", (3, 4)))["w"].tolist() == numbers(3, 4).tolist()
    )
    with pytest.raises(PortError, match=re.escape("tensor w has shape [2, 6]; it cannot be [5]")):
        convert({"w": numbers(2, 6)}, Reshape("w", (5,)))
    assert convert({"w": numbers(5, 2)}, SliceRows("w", 3))["w"].tolist() == numbers(3, 2).tolist()
    with pytest.raises(PortError, match="tensor w has 2 rows; 3 are needed"):
        convert({"w": numbers(2, 6)}, SliceRows("w", 3))


def rotate(x: Array, pairs: list[tuple[int, int]], angles: Array) -> Array:
    out = x.copy()
    for (i, j), angle in zip(pairs, angles, strict=True):
        cos, sin = np.cos(angle), np.sin(angle)
        out[i], out[j] = x[i] * cos - x[j] * sin, x[j] * cos + x[i] * sin
    return out


@given(
    interleaved=st.booleans(),
    flipped=st.booleans(),
    factor=st.sampled_from([0.25, 0.5, 1.0]),
    head_dim=st.sampled_from([16, 32]),
    seed=st.integers(0, 1000),
)
def test_canonical_rope_keeps_every_dot_product(
    interleaved: bool, flipped: bool, factor: float, head_dim: int, seed: int
) -> None:
    rope = RopeParameters.read(
        {"rope_theta": 777.0, "partial_rotary_factor": factor},
        head_dim=head_dim,
        max_position_embeddings=64,
    )
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((2, head_dim)).astype(np.float32)
    order = CanonicalRope(rope=rope, interleaved=interleaved, flipped=flipped).order()
    assert sorted(order) == list(range(head_dim))
    rotating, half = rope.rotary_dim // 2, head_dim // 2
    theirs = [(2 * i, 2 * i + 1) if interleaved else (i, i + rotating) for i in range(rotating)]
    ours = [(i, i + half) for i in range(half)]
    frequencies, _ = rope.frequencies()
    m, n = rng.integers(0, 64, 2)
    angles = frequencies[:rotating] * (-1 if flipped else 1)
    expected = rotate(q, theirs, m * angles) @ rotate(k, theirs, n * angles)
    found = rotate(q[order], ours, m * frequencies) @ rotate(k[order], ours, n * frequencies)
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("dtype", [DType.float32, DType.float16])
def test_add_changes_numbers_and_leaves_integers(dtype: DType) -> None:
    ones = np.array([1.0, -0.5], dtype.to_numpy())
    tensors = [stored("a.norm", ones, dtype), stored("n.norm", numbers(2), DType.int32)]
    planned = WeightMap(Add(r".*norm", -1.0)).plan(tensors).produced
    assert planned["a.norm"].dtype == DType.float32
    assert read(planned["a.norm"]).view(np.float32).tolist() == [0.0, -1.5]
    assert planned["n.norm"] is tensors[1]


def test_canonical_rope_permutes_each_head_of_q_and_k_only() -> None:
    rope = RopeParameters.read({"rope_theta": 1e4}, head_dim=4, max_position_embeddings=8)
    rule = CanonicalRope(rope=rope, interleaved=True)
    prefix = "layers.0.self_attn."
    tensors = {f"{prefix}{part}_proj.bias": numbers(8) for part in "qkvo"}
    found = convert({**tensors, f"{prefix}q_norm.weight": numbers(4)}, rule)
    for part in "qk":
        assert found[f"{prefix}{part}_proj.bias"].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    for part in "vo":
        assert found[f"{prefix}{part}_proj.bias"].tolist() == list(range(8))
    assert found[f"{prefix}q_norm.weight"].tolist() == [0, 2, 1, 3]
    with pytest.raises(PortError, match="has 6 rows, which are not whole heads of 4"):
        convert({f"{prefix}q_proj.bias": numbers(6)}, rule)


def test_canonical_rope_permutes_the_columns_of_a_norm_with_a_row_for_each_head() -> None:
    rope = RopeParameters.read({"rope_theta": 1e4}, head_dim=4, max_position_embeddings=8)
    rule = CanonicalRope(rope=rope, interleaved=True)
    # As many heads as columns, so that the axes cannot be told apart by their lengths.
    name = "layers.0.self_attn.k_norm.weight"
    found = convert({name: numbers(4, 4)}, rule)[name]
    assert found.tolist() == numbers(4, 4)[:, [0, 2, 1, 3]].tolist()
    with pytest.raises(PortError, match="has 6 columns, which are not whole heads of 4"):
        convert({name: numbers(4, 6)}, rule)


def parameters(shapes: dict[str, Iterable[int]]) -> dict[str, Weight]:
    return {n: Weight(n, DType.float32, s, DeviceRef.CPU()) for n, s in shapes.items()}


def weights(tensors: dict[str, tuple[str, Array]]) -> dict[str, Tensor]:
    return {
        name: Tensor.of(name, WeightData.from_numpy(array, origin))
        for name, (origin, array) in tensors.items()
    }


def test_audit_accepts_a_perfect_fit() -> None:
    audit(weights({"w": ("m.w", numbers(2, 3))}), parameters({"w": (2, 3)}))


@pytest.mark.parametrize(
    ("made", "shapes", "message"),
    [
        (
            {"w": ("m.w", numbers(2)), "up.weight": ("m.up.weight", numbers(2))},
            {"w": (2,)},
            r"^checkpoint tensor m.up.weight \(as up.weight\) is not a parameter of the graph$",
        ),
        (
            {"up.weigth": ("m.up.weigth", numbers(2))},
            {"up.weight": (2,)},
            r"m.up.weigth .* of the graph \(nearest: up.weight\) \(and 1 more\)$",
        ),
        ({}, {"w": (2,)}, "^the checkpoint has no tensor for parameter w$"),
        (
            {"w": ("m.w", numbers(3, 2))},
            {"w": (2, 3)},
            r"^checkpoint tensor m.w has shape \[3, 2\] as w; the graph expects \[2, 3\]$",
        ),
        (
            {"w": ("m.w", np.zeros(2, np.int32))},
            {"w": (2,)},
            "^checkpoint tensor m.w is .*int32 as w; the graph expects .*float32$",
        ),
    ],
)
def test_audit_names_the_misfit(
    made: dict[str, tuple[str, Array]], shapes: dict[str, Iterable[int]], message: str
) -> None:
    with pytest.raises(PortError, match=message):
        audit(weights(made), parameters(shapes))


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_masks_of_older_files_are_dropped_and_biases_of_like_names_are_not(prefix: str) -> None:
    config = gpt2.GPT2Config.from_huggingface(AutoConfig.for_model("gpt2", n_embd=8, n_head=2))
    masks = {f"{prefix}h.0.attn.bias", f"{prefix}h.0.attn.masked_bias"}
    tensors = [stored(name, numbers(1, 1, 4, 4)) for name in masks]
    fused = stored(f"{prefix}h.0.attn.c_attn.bias", numbers(24))
    planned = gpt2.weight_map(config).plan([*tensors, fused])
    assert {tensor.source for tensor in planned.dropped} == masks
    for i, part in enumerate("qkv"):
        bias = planned.produced.pop(f"layers.0.self_attn.{part}_proj.bias")
        np.testing.assert_array_equal(read(bias), numbers(24)[8 * i : 8 * i + 8])
    assert planned.produced == {}
