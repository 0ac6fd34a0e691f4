# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports weights`, and the headers of hostile files: one line, no data read, no code run."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from architectures import load_port
from common.checkpoint import read_config, read_headers
from common.errors import PortError
from proof.checkpoints import write_checkpoint
from tests.support import copied_port, ports

PORT = load_port("gpt_neox")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_checkpoint(
        PORT, PORT.fixtures[0], tmp_path_factory.mktemp("weights") / "gpt_neox"
    )
    # As older releases have it: buffers, which the port drops.
    file = directory / "model.safetensors"
    tensors = load_file(file)
    tensors["gpt_neox.layers.0.attention.masked_bias"] = np.zeros((), np.float32)
    save_file(tensors, file)
    return directory


def test_every_tensor_is_listed_with_its_rules(checkpoint: Path) -> None:
    ran = ports("weights", "gpt_neox", str(checkpoint), "--json")
    assert ran.returncode == 0, ran.stderr
    listed = json.loads(ran.stdout)
    assert listed["misfit"] is None
    by_target = {entry["to"]: entry for entry in listed["tensors"]}
    assert by_target["layers.3.self_attn.k_proj.weight"] == {
        "from": ["gpt_neox.layers.3.attention.query_key_value.weight"],
        "rules": ["RenameParts", "SplitGroupedQKV", "CanonicalRope"],
        "to": "layers.3.self_attn.k_proj.weight",
        "shape": [128, 128],
        "dtype": "float32",
        "dropped": None,
    }
    dropped = by_target[None]
    assert dropped["from"] == ["gpt_neox.layers.0.attention.masked_bias"]
    assert dropped["dropped"] == "buffers for masks and frequencies in older files"
    origins = {name for entry in listed["tensors"] for name in entry["from"]}
    assert origins == set(load_file(checkpoint / "model.safetensors"))


def test_layers_that_are_alike_are_one_line(checkpoint: Path) -> None:
    ran = ports("weights", "gpt_neox", str(checkpoint))
    lines = [line.split("\t") for line in ran.stdout.splitlines()]
    (dense,) = [line for line in lines if "attention.dense.weight" in line[0]]
    assert dense[0] == "gpt_neox.layers.{0..3}.attention.dense.weight"
    assert dense[2] == "layers.{0..3}.self_attn.o_proj.weight"
    assert len(lines) < 25


def test_a_folder_is_a_port_too(checkpoint: Path, tmp_path: Path) -> None:
    folder = copied_port("gpt_neox", tmp_path / "weighed")
    ran = ports("weights", str(folder), str(checkpoint))
    assert ran.returncode == 0, ran.stderr
    assert "layers.{0..3}.self_attn.o_proj.weight" in ran.stdout


def test_a_checkpoint_of_another_port_is_refused(checkpoint: Path) -> None:
    ran = ports("weights", "cohere2", str(checkpoint))
    assert ran.returncode == 2
    assert ran.stderr.endswith(
        "is a GPTNeoXForCausalLM; cohere2 is the port of Cohere2ForCausalLM\n"
    )


def file_of(header: dict[str, Any] | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(
    start: int, end: int, dtype: str = "F32", shape: tuple[int, ...] = (1,)
) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


HOSTILE = {
    "empty": b"",
    "header longer than the file": file_of({"a": entry(0, 4)}, bytes(4), length=1 << 40),
    "header is no JSON": file_of(b"{" * 64),
    "header of a pickle": file_of(b"\x80\x04cos\nsystem\n(S'touch ran'\ntR."),
    "overlapping offsets": file_of({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)),
    "data cut short": file_of({"a": entry(0, 4)}, bytes(3)),
    "data left over": file_of({"a": entry(0, 4)}, bytes(9)),
    "shape and offsets disagree": file_of({"a": entry(0, 4, shape=(3,))}, bytes(4)),
    "unknown dtype": file_of({"a": entry(0, 4, dtype="F37")}, bytes(4)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(HOSTILE[case])
    with pytest.raises(PortError, match=r"model\.safetensors is not a whole safetensors file"):
        read_headers(tmp_path)


def index(directory: Path, weight_map: Any) -> None:
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"w": "gone.safetensors"}, r"gone\.safetensors is missing, but model"),
        ({"w": "../w.safetensors"}, "which is outside the checkpoint"),
        (["w"], "has no weight_map from tensors to files"),
        ({"w": 7}, "has no weight_map from tensors to files"),
    ],
)
def test_a_hostile_index_is_refused(weight_map: Any, message: str, tmp_path: Path) -> None:
    save_file({"w": np.zeros(2, np.float32)}, tmp_path.parent / "w.safetensors")
    index(tmp_path, weight_map)
    with pytest.raises(PortError, match=message):
        read_headers(tmp_path)


def test_a_link_out_of_the_checkpoint_is_refused(tmp_path: Path) -> None:
    outside, checkpoint = tmp_path / "secret.safetensors", tmp_path / "checkpoint"
    save_file({"w": np.zeros(2, np.float32)}, outside)
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").symlink_to(outside)
    with pytest.raises(PortError, match=r"model\.safetensors links to .*, which is outside the"):
        read_headers(checkpoint)
    (tmp_path / "secret.json").write_text("{}")
    (checkpoint / "config.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(PortError, match=r"config\.json links to .*, which is outside the"):
        read_config(checkpoint)


def test_the_hubs_cache_links_to_its_blobs(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "abc"
    blobs = tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    save_file({"w": np.zeros(2, np.float32)}, blobs / "123")
    (snapshot / "model.safetensors").symlink_to("../../blobs/123")
    assert [tensor.name for tensor in read_headers(snapshot)] == ["w"]
    # A directory may be reached through a link.
    (tmp_path / "model").symlink_to(snapshot)
    assert [tensor.name for tensor in read_headers(tmp_path / "model")] == ["w"]


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_shard_cut_anywhere_is_refused_by_name(
    cut: float, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = (checkpoint / "model.safetensors").read_bytes()
    directory = tmp_path_factory.mktemp("cut")
    (directory / "model.safetensors").write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(PortError, match=r"model\.safetensors is not a whole safetensors file"):
        read_headers(directory)


def test_a_large_index_is_read(tmp_path: Path) -> None:
    save_file({"w": np.zeros(2, np.float32)}, tmp_path / "w.safetensors")
    index(tmp_path, {f"layers.{i}.w": "w.safetensors" for i in range(1_000_000)})
    assert [tensor.name for tensor in read_headers(tmp_path)] == ["w"]
