# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random edits of checkpoints of all ports: loaded as transformers loads them, or one line.

``FUZZ=10000 python -m pytest tests/test_fuzz.py`` tries more than the tests do; with ``FUZZ_LOG``
it writes how many were loaded equal and how many refused, by what the line says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from architectures import load_port, slugs
from tests.loading import checkpoint, edit_config, reference, refused, same, served, shard, store
from tests.loading import tensors as read

COUNT = int(os.environ.get("FUZZ", "500"))
LOG = os.environ.get("FUZZ_LOG")
FILE, INDEX = "model.safetensors", "model.safetensors.index.json"
Edit = Callable[[Path], None]
found: Counter[str] = Counter()


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A checkpoint of each fixture of each port."""
    home = tmp_path_factory.mktemp("bases")
    yield {
        f"{slug} {i}": checkpoint(slug, home / f"{slug}{i}", i)
        for slug in slugs()
        for i in range(len(load_port(slug).fixtures))
    }
    if LOG:
        Path(LOG).write_text(json.dumps(dict(found.most_common()), indent=1) + "\n")
        assert not any(kind.startswith("failed") for kind in found), LOG


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, 3, 4, 7, 64, 128, -1, 10**9, 2**63]),
    st.sampled_from([0.0, 0.5, 1.0, 1e-6, 10000.0, float("inf"), float("nan")]),
    st.sampled_from(["", "silu", "gelu", "float16", "bfloat16", "eager", "default", "x"]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(), SCALARS))
ROPES = st.fixed_dictionaries(
    {"rope_type": st.sampled_from(["linear", "dynamic", "yarn", "llama3", "longrope", "x"])},
    optional={
        "rope_theta": SCALARS,
        "factor": SCALARS,
        "original_max_position_embeddings": SCALARS,
        "low_freq_factor": SCALARS,
        "high_freq_factor": SCALARS,
        "short_factor": VALUES,
        "long_factor": VALUES,
        "partial_rotary_factor": SCALARS,
    },
)


TENSOR_EDITS = (
    *("drop", "rename", "prefix", "scale", "half", "halves", "double", "wider", "shorter"),
    *("transpose", "integer", "head", "only", "buffer"),
)
FOLDER_EDITS = (
    *("shards", "both", "below", "beside", "gone", "cut", "index", "empty", "missing", "bin"),
    *("gguf", "link", "named", "lfs"),
)


@st.composite
def config_edit(draw: st.DrawFn) -> Edit:
    which, key, value = draw(st.integers(0, 99)), draw(st.text(max_size=8)), draw(VALUES)
    how = draw(st.sampled_from(["set", "set", "remove", "new", "tie", "rope"]))
    rope = draw(ROPES)

    def edit(directory: Path) -> None:
        keys = sorted(json.loads((directory / "config.json").read_text()))
        chosen = keys[which % len(keys)]
        if how == "tie":
            edit_config(directory, tie_word_embeddings=which % 2 == 0)
        elif how == "rope":
            edit_config(directory, rope_parameters=..., rope_scaling=rope)
        else:
            change = {"set": value, "remove": ..., "new": value}[how]
            edit_config(directory, **{key if how == "new" else chosen: change})

    return edit


@st.composite
def tensor_edit(draw: st.DrawFn) -> Edit:
    which, scale = draw(st.integers(0, 999)), draw(st.sampled_from([0.0, 0.5, 2.0]))
    how = draw(
        st.sampled_from(
            [
                "drop",
                "rename",
                "prefix",
                "scale",
                "half",
                "halves",
                "double",
                "wider",
                "shorter",
                "transpose",
                "integer",
                "head",
                "only",
                "buffer",
            ]
        )
    )
    name = draw(
        st.sampled_from(
            ["lm_head.weight", "v_head.weight", "score.weight", "x.rotary_emb.inv_freq", "x", ""]
        )
    )

    def edit(directory: Path) -> None:
        if not (directory / FILE).is_file():
            return
        tensors = read(directory)
        chosen = sorted(tensors)[which % len(tensors)]
        tensor = tensors[chosen]
        embedding = next((n for n in tensors if re.search(r"embed_|wte", n)), chosen)
        if how == "drop":
            del tensors[chosen]
        elif how == "rename":
            tensors[name] = tensors.pop(chosen)
        elif how == "prefix":
            tensors = {f"model.{key}": value for key, value in tensors.items()}
        elif how == "scale":
            tensors[chosen] = tensor * scale
        elif how == "half":
            tensors[chosen] = tensor.half()
        elif how == "halves":
            tensors = {key: value.half() for key, value in tensors.items()}
        elif how == "double":
            tensors[chosen] = tensor.double()
        elif how == "wider":
            tensors[chosen] = torch.cat([tensor, tensor])
        elif how == "shorter":
            tensors[chosen] = tensor[: len(tensor) // 2]
        elif how == "transpose":
            tensors[chosen] = tensor.transpose(0, -1)
        elif how == "integer":
            tensors[chosen] = tensor.int()
        elif how == "head":
            tensors["lm_head.weight"] = tensors[embedding] + scale
        elif how == "only":
            tensors["lm_head.weight"] = tensors.pop(embedding)
        else:
            tensors[name] = torch.zeros(2)
        store(directory, tensors)

    return edit


@st.composite
def folder_edit(draw: st.DrawFn) -> Edit:
    how = draw(
        st.sampled_from(
            [
                "shards",
                "both",
                "below",
                "beside",
                "gone",
                "cut",
                "index",
                "empty",
                "missing",
                "bin",
                "gguf",
                "link",
                "named",
                "lfs",
            ]
        )
    )
    name = draw(st.sampled_from(["consolidated", "a", "zz", "adapter_model"]))
    count, cut = draw(st.integers(1, 4)), draw(st.floats(0, 1))

    def edit(directory: Path) -> None:
        file = directory / FILE
        if not file.is_file():
            return
        whole = file.read_bytes()
        if how in ("shards", "both"):
            shard(directory, count)
            if how == "both":
                file.write_bytes(whole)
        elif how == "below":
            other = {key: value + 1 for key, value in read(directory).items()}
            store(directory, other, f"{name}/{FILE}")
        elif how == "beside":
            other = {key: value + 1 for key, value in read(directory).items()}
            store(directory, other, f"{name}.safetensors")
        elif how == "gone":
            file.rename(directory / f"{name}.safetensors")
        elif how == "cut":
            file.write_bytes(whole[: int(cut * len(whole))])
        elif how == "index":
            (directory / INDEX).write_text("{" * count)
        elif how == "empty":
            file.unlink()
            (directory / INDEX).write_text('{"metadata": {}, "weight_map": {}}')
        elif how == "missing":
            file.unlink()
            (directory / INDEX).write_text('{"metadata": {}, "weight_map": {"a": "b.safetensors"}}')
        elif how == "bin":
            file.rename(directory / "pytorch_model.bin")
        elif how == "gguf":
            (directory / f"{name}.gguf").write_bytes(whole)
        elif how == "link":
            file.rename(directory.parent / name)
            file.symlink_to(directory.parent / name)
        elif how == "named":
            file.rename(directory / f"{name}.safetensors")
            edit_config(directory, transformers_weights=f"{name}.safetensors")
        else:
            file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")

    return edit


@st.composite
def tokenizer_edit(draw: st.DrawFn) -> Edit:
    file = draw(st.sampled_from(["tokenizer.json", "tokenizer_config.json"]))
    how = draw(st.sampled_from(["gone", "cut", "key", "class", "empty"]))
    which, value = draw(st.integers(0, 99)), draw(VALUES)

    def edit(directory: Path) -> None:
        path = directory / file
        if not path.is_file():
            return
        if how == "gone":
            path.unlink()
        elif how == "cut":
            path.write_text(path.read_text()[:-which])
        elif how == "empty":
            path.write_text("{}")
        else:
            content = json.loads(path.read_text())
            keys = sorted(content)
            content["tokenizer_class" if how == "class" else keys[which % len(keys)]] = value
            path.write_text(json.dumps(content))

    return edit


EDITS = st.lists(
    st.one_of(config_edit(), tensor_edit(), folder_edit(), tokenizer_edit()),
    min_size=1,
    max_size=3,
)


def outcome(line: str) -> str:
    """A refusal without what is particular to it."""
    return re.sub(r"'[^']*'|/\S+|\[[^]]*\]|\S*[\d_.]\S*", "*", line)[:60]


def listing(directory: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.lstat().st_mtime_ns) for p in directory.rglob("*"))


@settings(
    max_examples=COUNT,
    deadline=None,
    derandomize=COUNT == 500,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(which=st.integers(0, 999), edits=EDITS)
def test_an_edited_checkpoint_loads_as_in_transformers_or_is_refused_in_a_line(
    bases: dict[str, Path], which: int, edits: list[Edit]
) -> None:
    base = sorted(bases)[which % len(bases)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkpoint"
        shutil.copytree(bases[base], folder)
        for edit in edits:
            try:
                edit(folder)
            except Exception:
                # A second edit may find no such file any more, or one that the first has cut.
                found["an edit that was none"] += 1
                return
        try:
            found[judged(folder, Path(scratch))] += 1
        except Exception as error:
            if not LOG:
                raise
            # All of a long run, not the first: the log has it, and the run fails at its end.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            found[f"failed: {base}: {type(error).__name__} at {where}: {error}"[:300]] += 1


def judged(folder: Path, scratch: Path) -> str:
    """Returns how a checkpoint came out; an assertion fails if it is not as it should be."""
    before = listing(scratch)
    line = refused(folder)
    assert listing(scratch) == before
    if line is not None:
        assert "\n" not in line
        assert len(line) < 1000
        return f"refused: {outcome(line)}"
    ours = served(folder)
    theirs = reference(folder, scratch / "reference")
    if theirs is None:
        return "loaded by us alone"
    differs = same(ours, theirs)
    assert differs is None, differs
    return "loaded equal"
