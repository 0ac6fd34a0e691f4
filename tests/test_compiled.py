# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled graphs: what differs is refused by name, and nothing half-made is ever taken.

COMPILED and BESIDE are real directories, those that the tests of the port below run from.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from architectures import load_port
from common.compiled.record import RECORD, Record, max_version
from common.compiled.target import LANES, Target
from common.declaration import PROMPTS, Fixture
from common.errors import PortError
from proof.batch import DECODERS, Batch
from proof.checkpoints import write_checkpoint
from proof.compile import reusing
from proof.harness import build
from tools.run.serve import compiled_for

PORT = load_port("smollm3")
FIXTURE = PORT.fixtures[0]
NAME = f"smollm3/{FIXTURE.name}"


def compiled() -> Path:
    return Path(os.environ["COMPILED"]).resolve()


def beside() -> Path:
    return Path(os.environ["BESIDE"]).resolve()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A directory of compiled graphs whose record may be rewritten."""
    copy = tmp_path / "compiled"
    copy.mkdir()
    for file in compiled().iterdir():
        (copy / file.name).symlink_to(file)
    return copy


def rewrite(copy: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads((copy / RECORD).read_text())
    change(record)
    (copy / RECORD).unlink()
    (copy / RECORD).write_text(json.dumps(record))


def collected(fixture: Fixture, directory: Path) -> Batch:
    """One decoder, traced and waiting."""
    write_checkpoint(PORT, fixture, directory)
    batch = Batch()
    with reusing(beside()), batch.collecting(NAME):
        build(directory, max_batch_size=len(PROMPTS))
    return batch


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("max", "1.2.3", f"is compiled for max 1.2.3, not {max_version()}"),
        ("target", "cuda:sm_90a", "is compiled for target cuda:sm_90a, not cpu"),
        ("encoding", "bfloat16", "is compiled for encoding bfloat16, not float32"),
        ("max_length", 64, "is compiled for max_length 64, not 512"),
        ("bodies", {}, f"has no graph {NAME}/decoder; compile it again"),
    ],
)
def test_a_stale_artifact_is_refused(
    field: str, value: Any, said: str, copy: Path, tmp_path: Path
) -> None:
    rewrite(copy, lambda record: record.update({field: value}))
    with pytest.raises(PortError) as refused:
        collected(FIXTURE, tmp_path / "model").load(copy)
    assert str(refused.value) == f"{copy} {said}"


def test_graphs_of_another_constant_are_refused(tmp_path: Path) -> None:
    # Same shapes and names: MAX would take one for the other.
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": 123.0}}
    other = dataclasses.replace(FIXTURE, config={**FIXTURE.config, **rope})
    with pytest.raises(PortError) as refused:
        collected(other, tmp_path / "model").load(compiled())
    said = str(refused.value)
    assert said.startswith(f"{compiled()} is compiled from another {NAME}/decoder: line ")
    assert len(said.splitlines()) == 1


def test_what_is_damaged_is_said(copy: Path, tmp_path: Path) -> None:
    batch = collected(FIXTURE, tmp_path / "model")
    decoders = (copy / DECODERS).read_bytes()
    (copy / DECODERS).unlink()
    for damaged in (decoders[: len(decoders) // 2], b""):
        (copy / DECODERS).write_bytes(damaged)
        with pytest.raises(PortError, match=f"{DECODERS} is damaged"):
            batch.load(copy)
    (copy / RECORD).unlink()
    (copy / RECORD).write_text("{")
    with pytest.raises(PortError, match=f"{RECORD} is damaged"):
        batch.load(copy)
    (copy / RECORD).unlink()
    with pytest.raises(PortError, match="is no finished `ports compile`"):
        batch.load(copy)


def test_artifacts_say_nothing_of_the_machine_that_made_them() -> None:
    places = (b"/home/", b"/root/", b"/tmp/", b"execroot", b"site-packages", b".runfiles")
    for file in (*compiled().iterdir(), *beside().iterdir()):
        content = file.read_bytes()
        assert [place for place in places if place in content] == [], file.name


def test_a_killed_compile_leaves_no_artifact(tmp_path: Path) -> None:
    out = tmp_path / "out" / "compiled"
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", "compile", "smollm3", "--out", str(out)],
        env={**os.environ, "MODULAR_HOME": str(tmp_path / "cold")},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # Past the graphs beside the decoders, into the compile.
        while not list(out.parent.glob(".compiled-*/*")):
            assert process.poll() is None
            time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not out.exists()
    (unfinished,) = out.parent.iterdir()
    with pytest.raises(PortError, match="is no finished `ports compile`"):
        Record.read(unfinished)
    shutil.rmtree(unfinished)


RECORDED = Record(max_version(), "cpu", "float32", 512, {"decoder": "…"})


def test_serve_takes_its_options_from_the_record(tmp_path: Path) -> None:
    RECORDED.write(tmp_path)
    assert compiled_for(tmp_path, None, None, None) == ("cpu", "float32", 512)
    assert compiled_for(tmp_path, "cpu", "float32", 512) == ("cpu", "float32", 512)
    dataclasses.replace(RECORDED, target="cuda:sm_90a", encoding="bfloat16").write(tmp_path)
    assert compiled_for(tmp_path, None, None, None) == ("gpu", "bfloat16", 512)
    dataclasses.replace(RECORDED, target="cuda:sm_90a*2", encoding="bfloat16").write(tmp_path)
    assert compiled_for(tmp_path, None, None, None) == ("gpu:0,1", "bfloat16", 512)
    assert compiled_for(tmp_path, "gpu:2,3", None, None) == ("gpu:2,3", "bfloat16", 512)


PAIR = {"target": "cuda:sm_90a*2", "encoding": "bfloat16"}


@pytest.mark.parametrize(
    ("options", "change", "said"),
    [
        (("gpu", None, None), {}, "is compiled for --device cpu, not gpu"),
        (("cpu:0", None, None), {}, "no device 'cpu:0'"),
        (("gpu", None, None), PAIR, "is compiled for --device gpu:0,1, not gpu"),
        (("gpu:0,1,2", None, None), PAIR, "is compiled for --device gpu:0,1, not gpu:0,1,2"),
        ((None, "bfloat16", None), {}, "is compiled for --encoding float32, not bfloat16"),
        ((None, None, 64), {}, "is compiled for --max-length 512, not 64"),
        ((None, None, None), {"max": "1"}, f"is compiled for max 1, not {max_version()}"),
        ((None, None, None), {"bodies": {"a/b": ""}}, "holds the graphs of ports' tests"),
    ],
)
def test_serve_refuses_before_it_starts(
    options: Any, change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    dataclasses.replace(RECORDED, **change).write(tmp_path)
    with pytest.raises(PortError, match=said):
        compiled_for(tmp_path, *options)


def test_an_unknown_target_is_refused() -> None:
    assert Target.named("cuda:sm_90a") == LANES["h100"]
    with pytest.raises(PortError, match="no target 'cuda:sm_1'; MAX compiles for cpu, cuda:sm_80"):
        Target.named("cuda:sm_1")
    # MAX fails there, in LLVM.
    with pytest.raises(PortError, match="no target 'hip:gfx942'"):
        Target.named("hip:gfx942")
    with pytest.raises(PortError, match="no encoding 'int4'"):
        Target.named("cpu", "int4")
