# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports list-keys`: every tensor in few lines, from headers alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.checkpoint import Header
from tests.sparse import write_shards, write_sparse
from tests.support import ports_here
from tools.read.keys import collapsed, spelled

LAYERS, EXPERTS = 100, 299
SCHEMA = {
    "name": str,
    "template": str,
    "numbers": list,
    "shape": list,
    "dtype": str,
    "count": int,
    "parameters": int,
    "bytes": int,
}


def names() -> dict[str, tuple[int, ...]]:
    tensors: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (512, 64)}
    for layer in range(LAYERS):
        tensors[f"model.layers.{layer}.input_layernorm.weight"] = (64,)
        for expert in range(EXPERTS):
            tensors[f"model.layers.{layer}.mlp.experts.{expert}.up_proj.weight"] = (32, 64)
    return tensors


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("big")
    (directory / "config.json").write_text("{}")
    write_shards(directory, names(), 50)
    return directory


def test_thirty_thousand_tensors_are_three_lines(
    big: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ports_here(capsys, "list-keys", str(big))
    assert (code, err) == (0, "")
    *lines, total = out.splitlines()
    assert sorted(lines) == [
        "model.embed_tokens.weight\t1\t512×64\tBF16",
        "model.layers.{0..99}.input_layernorm.weight\t100\t64\tBF16",
        "model.layers.{0..99}.mlp.experts.{0..298}.up_proj.weight\t29900\t32×64\tBF16",
    ]
    assert total == "BF16: 30001 tensors, 61.3 M, 116.9 MiB"


def test_json_has_its_schema(big: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ports_here(capsys, "list-keys", str(big), "--json")
    assert code == 0
    found = json.loads(out)
    assert set(found) == {"model", "patterns", "dtypes", "lines"}
    for pattern in found["patterns"]:
        assert {key: type(value) for key, value in pattern.items()} == SCHEMA
    assert sum(pattern["count"] for pattern in found["patterns"]) == 30_001
    assert found["dtypes"] == {
        "BF16": {"tensors": 30_001, "parameters": 61_274_368, "bytes": 122_548_736}
    }


def test_prefixes_and_limit(big: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--prefix", "model.layers.", "--exclude-prefix", "model.layers.7.", "--limit", "1")
    code, out, _ = ports_here(capsys, "list-keys", str(big), *arguments)
    first, more, _ = out.splitlines()
    assert code == 0
    assert first.startswith("model.layers.{0..6,8..99}.")
    assert more == "… 1 lines more"


def test_summary_has_a_line_a_block(big: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ports_here(capsys, "list-keys", str(big), "--summary")
    assert sorted(out.splitlines()[:-1]) == [
        "model.embed_tokens\t1\t32.8 K",
        "model.layers.{0..99}\t30000\t61.2 M",
    ]


def test_no_match_is_exit_code_1(big: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ports_here(capsys, "list-keys", str(big), "--prefix", "modle.")
    assert (code, out) == (1, "")
    assert err == "ports: none of 30001 tensors begins with 'modle.' (nearest: model.)\n"


def test_a_missing_directory_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ports_here(capsys, "list-keys", str(tmp_path / "gone"))
    assert (code, out) == (2, "")
    assert err == f"ports: {tmp_path}/gone does not exist; give the directory of a checkpoint\n"


def test_a_hostile_name_cannot_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text("{}")
    write_sparse(tmp_path / "model.safetensors", {f"a\x1b[2J\n{{}}.{'9' * 5000}": (2,)})
    _, out, _ = ports_here(capsys, "list-keys", str(tmp_path))
    assert "\x1b" not in out
    assert out.startswith(r"a\x1b[2J\n{ }.999")


def expanded(braces: str) -> set[int]:
    """As a shell would."""
    numbers: set[int] = set()
    for run in braces.strip("{}").split(","):
        first, *rest = map(int, re.findall("[0-9]+", run))
        last, step = [*rest, 1][:2] if rest else (first, 1)
        numbers |= set(range(first, last + 1, step))
    return numbers


@given(st.sets(st.integers(0, 200), min_size=1, max_size=12))
def test_braces_say_the_numbers(numbers: set[int]) -> None:
    said = spelled(numbers)
    if "…" not in said:
        assert expanded(said) == numbers
    else:
        assert f"{len(numbers)} in all" in said


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (range(32), "{0..31}"),
        (range(0, 32, 2), "{0..30..2}"),
        ([3], "3"),
        ([0, 4, 5, 6, 7], "{0,4..7}"),
        ([0, 1, 5, 6, 10, 11, 15, 16, 21, 23, 40], "{0..1,5..6,10..11,15..16,… 11 in all}"),
    ],
)
def test_braces(numbers: Any, said: str) -> None:
    assert spelled(numbers) == said


def test_shapes_and_dtypes_are_kept_apart() -> None:
    found = collapsed(
        Header(f"layers.{i}.w", (2, 2 + i // 2), "F32" if i else "BF16", Path("f"))
        for i in range(4)
    )
    assert [(p.name, p.shape, p.dtype) for p in found] == [
        ("layers.0.w", (2, 2), "BF16"),
        ("layers.1.w", (2, 2), "F32"),
        ("layers.{2..3}.w", (2, 3), "F32"),
    ]
