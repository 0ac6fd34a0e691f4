# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad input: one clear line, a non-zero exit code, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from architectures import load_port
from proof.checkpoints import write_checkpoint
from tests.support import ports, ports_here

EVIL = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
"""


def edit_config(**changes: Any) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        file = directory / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return edit


def edit_weights(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        file = directory / "model.safetensors"
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file)

    return edit


def truncate(directory: Path) -> None:
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def instead_of_the_file(index: str) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        (directory / "model.safetensors").unlink()
        (directory / "model.safetensors.index.json").write_text(index)

    return edit


def remote(directory: Path) -> None:
    edit_config(
        architectures=["EvilForCausalLM"],
        model_type="evil",
        auto_map={"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.Evil"},
    )(directory)
    (directory / "evil.py").write_text(EVIL)


def tokenizer_code(directory: Path) -> None:
    file = directory / "tokenizer_config.json"
    evil = {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}, "tokenizer_class": "Evil"}
    file.write_text(json.dumps(json.loads(file.read_text()) | evil))
    (directory / "evil.py").write_text(EVIL)
    for name in ("tokenizer.json", "chat_template.jinja"):
        (directory / name).unlink(missing_ok=True)


CASES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no directory": (shutil.rmtree, "checkpoint does not exist; give the directory"),
    "no config": (lambda d: (d / "config.json").unlink(), "has no config.json"),
    "config not JSON": (lambda d: (d / "config.json").write_text("{"), "config.json is not JSON"),
    "unknown architecture": (
        edit_config(architectures=["SmolLM4ForCausalLM"]),
        "no port for SmolLM4ForCausalLM (nearest: SmolLM3ForCausalLM",
    ),
    "native architecture": (
        edit_config(architectures=["LlamaForCausalLM"]),
        "MAX serves LlamaForCausalLM itself",
    ),
    "remote code": (remote, "no port for EvilForCausalLM; its code comes with the checkpoint"),
    "architectures not a list": (
        edit_config(architectures={"SmolLM3ForCausalLM": 1}),
        '"architectures" must be a list such as ["',
    ),
    "wrong model_type": (
        edit_config(model_type="llama"),
        "has model_type 'llama'; SmolLM3ForCausalLM is of 'smollm3'",
    ),
    "remote code of a known class": (
        lambda d: (remote(d), edit_config(architectures=["SmolLM3ForCausalLM"])(d)),
        "has model_type 'evil', which transformers does not know",
    ),
    "wrong type": (edit_config(hidden_size="big"), "Field 'hidden_size' expected int, got str"),
    "zero heads": (edit_config(num_attention_heads=0), "num_attention_heads is 0 in "),
    "quantised oddly": (edit_config(quantization_config="gptq"), "transformers refuses "),
    "no tokenizer": (
        lambda d: [file.unlink() for file in d.glob("token*")],
        "transformers finds no tokenizer in ",
    ),
    "tokenizer with code": (tokenizer_code, "transformers finds no tokenizer in "),
    "index not JSON": (
        instead_of_the_file("{"),
        "model.safetensors.index.json is not JSON",
    ),
    "quantised": (
        edit_config(quantization_config={"quant_method": "gptq", "bits": 4}),
        "the checkpoint is quantised (gptq)",
    ),
    "unsupported rope": (
        edit_config(rope_parameters={"rope_type": "spiral", "rope_theta": 1e4, "factor": 2.0}),
        "rope_type 'spiral' in config.json is not supported",
    ),
    "unsupported activation": (
        edit_config(hidden_act="tanh"),
        "hidden_act 'tanh' in config.json is not supported",
    ),
    "no weights": (
        lambda d: (d / "model.safetensors").unlink(),
        "has no model.safetensors, no model.safetensors.index.json and no *.gguf; transformers",
    ),
    "truncated weights": (truncate, "model.safetensors is not a whole safetensors file"),
    "missing shard": (
        instead_of_the_file('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'),
        "model-00001-of-00002.safetensors is missing",
    ),
    "wrong shape": (
        edit_weights(lambda t: t.update({"model.norm.weight": np.ones(64, np.float32)})),
        "checkpoint tensor model.norm.weight has shape [64] as norm.weight;"
        " the graph expects [128]",
    ),
    "missing tensor": (
        edit_weights(lambda t: t.pop("model.norm.weight")),
        "the checkpoint has no tensor for parameter norm.weight",
    ),
    "unused tensor": (
        edit_weights(lambda t: t.update({"model.norms.weight": np.ones(64, np.float32)})),
        "checkpoint tensor model.norms.weight (as norms.weight) is not a parameter of the graph"
        " (nearest: norm.weight",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_checkpoint_is_refused_in_one_line(
    case: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(*arguments: Any) -> None:
        raise AssertionError("it would be served")

    monkeypatch.setattr(os, "execve", serve)
    spoil, message = CASES[case]
    spoil(checkpoint)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = ports_here(capsys, "serve", str(checkpoint), "--port", "0")
    assert code == 2
    assert out == ""
    one_line(err, message)
    assert sorted(tmp_path.rglob("*")) == before  # and no code of the checkpoint ran


def one_line(said: str, message: str) -> None:
    first, *rest = [line for line in said.splitlines() if "] checking " not in line]
    assert rest == []
    assert first.startswith("ports: ")
    assert message in first


@pytest.mark.parametrize("case", ["remote code", "wrong type", "tokenizer with code"])
def test_and_nothing_else_is_printed(case: str, checkpoint: Path, tmp_path: Path) -> None:
    """A process of its own: libraries print where this one does not look."""
    spoil, message = CASES[case]
    spoil(checkpoint)
    ran = ports("serve", str(checkpoint), "--port", "0", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stdout == ""
    one_line(ran.stderr, message)


@pytest.mark.parametrize("case", ["unsupported rope", "unused tensor"])
def test_max_serve_itself_says_it_in_one_line(case: str, checkpoint: Path) -> None:
    from tools.run.serving import command, free_port

    spoil, message = CASES[case]
    spoil(checkpoint)
    ran = subprocess.run(
        command(checkpoint, port=free_port(), max_length=512),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "MAX_SERVE_DISABLE_TELEMETRY": "1"},
    )
    assert ran.returncode != 0
    assert "Traceback" not in ran.stdout + ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("ports: ")]
    assert message in line


def test_max_serve_refuses_more_than_learned_positions_in_one_line(tmp_path: Path) -> None:
    from tools.run.serving import command, environment, free_port

    gpt2 = load_port("gpt2")
    checkpoint = write_checkpoint(gpt2, gpt2.fixtures[0], tmp_path / "gpt2")
    ran = subprocess.run(
        command(checkpoint, port=free_port(), max_length=513),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(),
    )
    assert ran.returncode != 0
    assert "Traceback" not in ran.stdout + ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("ports: ")]
    assert line == (
        "ports: --max-length 513 is more than the 512 positions of the checkpoint"
        " (max_position_embeddings in config.json), which are learned"
    )


def test_a_good_checkpoint_passes(checkpoint: Path) -> None:
    from tools.read.preflight import preflight

    assert preflight(checkpoint) == []
    edit_config(novelty=3)(checkpoint)
    (warning,) = preflight(checkpoint)
    assert "config.json sets 'novelty'" in warning


def test_a_busy_port_is_named(checkpoint: Path, tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        number = busy.getsockname()[1]
        ran = ports("serve", str(checkpoint), "--port", str(number), cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == (
        f"ports: TCP port {number} of 127.0.0.1 is in use; choose another with --port\n"
    )


def test_a_name_like_markup_is_printed_whole(tmp_path: Path) -> None:
    ran = ports("serve", "[red]", "--port", "0", cwd=tmp_path)
    assert ran.stderr == (
        "[    0 s] checking [red]\n"
        "ports: [red] does not exist; give the directory of a checkpoint\n"
    )


@pytest.mark.parametrize("number", ["-1", "65536"])
def test_a_number_that_is_no_port_is_named(number: str, checkpoint: Path, tmp_path: Path) -> None:
    ran = ports("serve", str(checkpoint), "--port", number, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == f"ports: {number} is not a TCP port; --port takes 1 to 65535\n"


@pytest.mark.parametrize("command", ["demo", "verify"])
def test_an_unknown_port_is_named_with_near_ones(command: str, tmp_path: Path) -> None:
    ran = ports(command, "smolm3", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == "ports: no port 'smolm3' under architectures/ (nearest: smollm3)\n"


def test_a_folder_without_graphs_is_no_compiled_one(tmp_path: Path) -> None:
    ran = ports("verify", "smollm3", "--compiled", ".", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.endswith("ports: . has no compiled.json: it is no finished `ports compile`\n")
