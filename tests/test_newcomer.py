# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The way of a newcomer: from a checkpoint that no port serves to gates that name what is missing.

A port of the same model may have landed since. Then the commands run as if it were not registered,
and the port itself must pass the gates on the newcomer's checkpoint. The guide's own model has no
port, so its commands run as they are.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from architectures import load_port, slugs
from common.declaration import Fixture, Port
from proof.checkpoints import write_checkpoint
from tests import support
from tools.port.gates import Phase, run
from tools.read import installed

GUIDE = Path(__file__).parents[1] / "docs" / "porting.md"


@dataclass(frozen=True)
class Newcomer:
    """A model on its way, and what its port has to do.

    Attributes:
        port: What there is to declare of it.
        config: Of its checkpoint, over the tiny defaults.
        donor: The nearest.
        keys: Those of its config that the donor neither reads nor ignores.
        deltas: What is to be implemented, each with its place in the reference.
        tensor: One that the donor has no place for.
        walls: What `check-walls` ends with: 1 if there is something to mind.
    """

    port: Port
    config: dict[str, Any]
    donor: str
    keys: set[str]
    deltas: dict[str, str]
    tensor: str
    walls: int


NEWCOMERS = {
    "starcoder2": Newcomer(
        Port("starcoder2", "Starcoder2ForCausalLM", fixtures=(), deltas=()),
        {"use_bias": True, "sliding_window": 64},
        "LlamaForCausalLM",
        {"sliding_window", "use_bias"},
        {
            "two-matrix MLP": "Starcoder2MLP.__init__, Starcoder2MLP.forward",
            "MLP bias": "Starcoder2MLP.__init__",
            "QKV bias": "Starcoder2Attention.__init__",
            "sliding window": "Starcoder2Attention.forward",
            "LayerNorm": "Starcoder2DecoderLayer.__init__, Starcoder2Model.__init__",
            "Starcoder2Model.forward": "Starcoder2Model.forward",
            "tied head": "Starcoder2ForCausalLM._tied_weights_keys",
            "hidden_act = 'gelu_pytorch_tanh'": "Starcoder2Config.hidden_act",
        },
        "model.layers.0.input_layernorm.bias",
        0,
    ),
    # Long landed: shows that one which landed does not make this test an empty one.
    "gpt_neox": Newcomer(
        Port("gpt_neox", "GPTNeoXForCausalLM", fixtures=(), deltas=()),
        {},
        "LlamaForCausalLM",
        {"use_parallel_residual"},
        {
            "two-matrix MLP": "GPTNeoXMLP.__init__, GPTNeoXMLP.forward",
            "MLP bias": "GPTNeoXMLP.__init__",
            "partial RoPE": "GPTNeoXRotaryEmbedding.compute_default_rope_parameters",
            "apply_rotary_pos_emb": "apply_rotary_pos_emb",
            "eager_attention_forward": "eager_attention_forward",
            "QKV bias": "GPTNeoXAttention.__init__, GPTNeoXAttention.forward",
            "fused QKV": "GPTNeoXAttention.__init__",
            "LayerNorm": "GPTNeoXLayer.__init__, GPTNeoXModel.__init__",
            "parallel residual": "GPTNeoXLayer.forward",
            "hidden_act = 'gelu'": "GPTNeoXConfig.hidden_act",
        },
        "embed_out.weight",
        1,
    ),
}
SLUGS = pytest.mark.parametrize("slug", NEWCOMERS)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("newcomers")
    return {
        slug: write_checkpoint(new.port, Fixture("tiny", new.config), root / f"{slug}-tiny")
        for slug, new in NEWCOMERS.items()
    }


def ports(
    *arguments: str, cwd: Path, hidden: Iterable[str] = ()
) -> subprocess.CompletedProcess[str]:
    return support.ports(*arguments, cwd=cwd, hidden=hidden, env={**os.environ, "COLUMNS": "80"})


@SLUGS
def test_the_gates_name_what_is_missing(
    slug: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    new, model = NEWCOMERS[slug], str(checkpoints[slug])

    def said(code: int, *arguments: str) -> Any:
        # As if there were no ports: which is the nearest donor changes as they come.
        ran = ports(*arguments, "--json", cwd=tmp_path, hidden=slugs())
        assert ran.returncode == code, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    inspected = said(0, "inspect", model)
    assert inspected["class_name"] == new.port.class_name
    assert inspected["served"] is None
    walls = said(new.walls, "check-walls", model)
    assert {finding["level"] for finding in walls["findings"]} <= {"warning"}
    keys = said(0, "list-keys", model)
    assert any(new.tensor in pattern["name"].replace("{0..3}", "0") for pattern in keys["patterns"])
    plan = said(0, "plan", model)
    assert {delta["name"]: delta["reference"] for delta in plan["deltas"]} == new.deltas
    donor = plan["start"]
    assert donor == new.donor
    made = said(0, "scaffold", model, "--start-from", donor, "--output-dir", ".", "--slug", "new")
    assert made["deltas"] == plan["deltas"]
    tried = said(1, "gates", "./new", "--checkpoint", model)
    shut = {gate["name"]: gate["why"] for gate in tried["gates"] if not gate["passed"]}
    assert set(shut) == {"metadata", "adapter", "deltas", "proof"}
    listed = shut["metadata"].removeprefix("config keys neither read nor ignored: ")
    assert set(listed.split(", ")) == new.keys
    assert new.tensor in shut["adapter"]
    (causes,) = [gate["causes"] for gate in tried["gates"] if gate["name"] == "deltas"]
    named = [re.fullmatch(r"deltas.py:\d+: (.+): not implemented: .+", each) for each in causes]
    assert {match[1] for match in named if match} == set(new.deltas)


@pytest.mark.parametrize("slug", [slug for slug in NEWCOMERS if slug in slugs()])
def test_a_port_that_landed_passes(slug: str, checkpoints: dict[str, Path]) -> None:
    tried = run(slug, [str(checkpoints[slug])], Phase.VERIFY)
    assert [gate for gate in tried if not gate.passed] == []


def blocks() -> list[tuple[str, str]]:
    """Returns the guide's examples, each with its language."""
    return re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(), re.S)


def steps(console: str) -> Iterator[tuple[str, list[str]]]:
    """Yields the commands of an example, each with the lines that it shows."""
    for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
        command, *lines = part.splitlines()
        yield command, [line for line in lines if line != "..."]


def shows(line: str, printed: str) -> bool:
    """Whether the guide's line is what was printed: spaces collapse, and ``...`` is anything."""
    parts = " ".join(line.split()).split("...")
    return re.fullmatch(".*".join(map(re.escape, parts)), " ".join(printed.split())) is not None


def test_the_guides_model_has_no_port() -> None:
    python = next(text for language, text in blocks() if language == "python")
    calls = (node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.Call))
    port = next(call for call in calls if ast.unparse(call.func) == "Port")
    model_type, class_name = map(ast.literal_eval, port.args)
    types = {name for slug in slugs() for name in load_port(slug).classes.values()}
    classes = {*installed.port_names(), *installed.max_names()}
    served = {model_type} & types | {class_name} & classes
    assert not served, "this is served now: let docs/porting.md follow another model"


def test_the_guide_is_true(tmp_path: Path) -> None:
    languages = [language for language, _ in blocks()]
    assert set(languages) == {"python", "console"}
    commands, code = [], 0
    for language, text in blocks():
        if language == "python":
            python = [sys.executable, "-P", "-c", text]
            subprocess.run(python, cwd=tmp_path, check=True, env=dict(os.environ))
            continue
        for command, shown in steps(text):
            name, *arguments = command.split()
            if name == "echo":
                assert arguments == ["$?"]
                assert shown == [str(code)]
                code = 0
                continue
            assert code == 0, f"the guide does not say that {commands[-1]} exits with {code}"
            commands.append(arguments[0])
            if name == "mkdir":
                (tmp_path / arguments[0]).mkdir()
                continue
            assert name == "./ports"
            ran = ports(*arguments, cwd=tmp_path)
            code, said = ran.returncode, iter(ran.stdout.splitlines())
            for line in shown:
                found = any(shows(line, printed) for printed in said)
                assert found, f"{command} does not print {line!r} there:\n{ran.stdout}"
    assert code == 0
    looked = ["reference", "inspect", "check-walls", "list-keys", "plan"]
    assert commands == [*looked, "drafts", "scaffold", "gates"]


def test_the_guide_names_commands_and_files_that_are_there() -> None:
    from tools.__main__ import app

    known = {command.name for command in app.registered_commands}
    text = GUIDE.read_text()
    assert set(re.findall(r"\./ports ([a-z-]+)", text)) <= known
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (GUIDE.parent / link).is_file()
