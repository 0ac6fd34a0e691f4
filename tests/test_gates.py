# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports gates`: each gate holds for our ports, and shuts for the fault it is there for."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from architectures import slugs
from common.errors import PortError
from tests.support import copied_port, ports
from tools.port.gates import GATES, Phase, run

NAMES = [name for name, _ in GATES]
_NUMBERS = itertools.count()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied_port("smollm3", tmp_path / f"gated{next(_NUMBERS)}")


@pytest.mark.parametrize("slug", slugs())
def test_our_ports_pass_in_seconds(slug: str, tmp_path: Path) -> None:
    began = time.monotonic()
    ran = ports("gates", slug, "--json", "--json-out", "out.json", cwd=tmp_path)
    seconds = time.monotonic() - began
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(ran.stdout)
    assert json.loads((tmp_path / "out.json").read_text()) == result
    assert set(result) == {"port", "phase", "holds", "gates"}
    assert result["holds"]
    assert [gate["name"] for gate in result["gates"]] == NAMES
    assert all(
        set(gate) == {"name", "passed", "why", "causes"} and gate["passed"]
        for gate in result["gates"]
    )
    # 8 s when measured alone; on a busy machine this is no measure.
    assert seconds < 10 * max(1.0, os.getloadavg()[0])


def in_config(**changes: Any) -> Callable[[Path], None]:
    def change(checkpoint: Path) -> None:
        file = checkpoint / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def extra_tensor(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    save_file(load_file(file) | {"model.extra": np.ones(3, np.float32)}, file)


def truncated(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


AS_GRAPH = "as the gate graph says"
CHECKPOINTS: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "a wall": (
        in_config(attn_logit_softcapping=30.0),
        {"walls": "attention softcap", "metadata": "ignored: attn_logit_softcapping"},
    ),
    "another class": (
        in_config(architectures=["SmolLM4ForCausalLM"]),
        {"metadata": "is of ['SmolLM4ForCausalLM']; the port is of SmolLM3ForCausalLM"},
    ),
    "a new key": (in_config(novelty=1), {"metadata": "neither read nor ignored: novelty"}),
    "an activation": (
        in_config(hidden_act="tanh"),
        {"graph": "hidden_act 'tanh'", "adapter": AS_GRAPH, "fields": AS_GRAPH},
    ),
    "a tensor too many": (extra_tensor, {"adapter": "checkpoint tensor model.extra (as extra)"}),
    "a file cut short": (
        truncated,
        {
            "weights format": "is not a whole safetensors",
            "adapter": "as the gate weights format says",
        },
    ),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_checkpoints_fault_shuts_its_gates(case: str, checkpoint: Path) -> None:
    spoil, expected = CHECKPOINTS[case]
    spoil(checkpoint)
    tried = list(run("smollm3", [str(checkpoint)], Phase.VERIFY))
    shut = {gate.name: gate.why for gate in tried if not gate.passed}
    assert shut.keys() == expected.keys()
    for name, why in expected.items():
        assert why in shut[name]


PORTS = {
    "registered under another name": (
        *("arch.py", '"SmolLM3ForCausalLM"', '"SmolLM9ForCausalLM"'),
        {
            "registration": "arch.py registers SmolLM9ForCausalLM, deltas.py declares SmolLM3",
            "import": "ARCHITECTURES of __init__.py does not register SmolLM3ForCausalLM",
        },
    ),
    "nothing registered": (
        *("__init__.py", "[architecture]", "[]"),
        {"import": "did not expose an `ARCHITECTURES` list"},
    ),
    "an adapter that is a closure": (
        *("arch.py", "Model,\n    weight_map,"),
        "Model,\n    lambda config: weight_map(config),",
        {"import": "pickle"},
    ),
    "a part that does not build": (
        *("{slug}.py", "return GatedMLP(self.config,", "return GatedMLP(self,"),
        {
            "graph": "{slug}.py:26: AttributeError: ",
            **{"adapter": AS_GRAPH, "fields": AS_GRAPH, "docstrings": AS_GRAPH},
        },
    ),
    "a part that only fails when it is called": (
        *("{slug}.py", "return GatedMLP(self.config, bias=self.config.mlp_bias)", "return None"),
        {
            "graph": "TypeError: 'NoneType'",
            "adapter": "is not a parameter of the graph",
            "fields": AS_GRAPH,
            "docstrings": "no fixture's graph has it: ",
        },
    ),
    "a rule forgotten": (
        *("weight_adapters.py", 'WeightMap(RenameParts("model"))', "WeightMap()"),
        {"adapter": "is not a parameter of the graph"},
    ),
    "a method that the reference has not": (
        *("deltas.py", "SmolLM3Attention.forward", "SmolLM3Attention.backward"),
        {
            "deltas": ": NoPE layers: transformers has no SmolLM3Attention.backward",
            "complete": "transformers has no SmolLM3Attention.backward",
        },
    ),
    "a witness to come": (
        *("deltas.py", '{"no_rope_layers": [1, 1, 1, 1]}', 'Unimplemented("say how")'),
        {
            "deltas": "NoPE layers: not implemented: say how",
        },
    ),
    "a false sentence": (
        *("arch.py", "Registers SmolLM3.", "Registers Qwen3."),
        {"docstrings": 'arch.py:3: lie: names Qwen3, and not in a "derives from"'},
    ),
    "no Python": ("model.py", "class ", "klass ", {"import": "SyntaxError"}),
}


@pytest.mark.parametrize("case", PORTS)
def test_a_ports_fault_shuts_its_gates(case: str, folder: Path, whole: Path) -> None:
    name, old, new, expected = PORTS[case]
    file = folder / name.format(slug=folder.name)
    text = file.read_text()
    assert old in text
    new_text = text.replace(old, new, 1)
    if "Unimplemented" in new_text:
        new_text = new_text.replace("import GGUF,", "import GGUF, Unimplemented,")
    file.write_text(new_text)
    tried = list(run(str(folder), [str(whole)], Phase.VERIFY))
    shut = {gate.name: gate.why for gate in tried if not gate.passed}
    assert shut.keys() == expected.keys(), shut
    for gate, why in expected.items():
        assert why.format(slug=folder.name) in shut[gate]


def test_preflight_stops_before_the_graph(whole: Path) -> None:
    tried = list(run("smollm3", [str(whole)], Phase.PREFLIGHT))
    assert [gate.name for gate in tried] == ["walls", "metadata", "registration"]
    assert all(gate.passed for gate in tried)


def test_the_exit_code_and_the_lines(checkpoint: Path, tmp_path: Path) -> None:
    extra_tensor(checkpoint)
    ran = ports("gates", "smollm3", "--checkpoint", str(checkpoint), cwd=tmp_path)
    assert ran.returncode == 1
    assert "FAIL  adapter: checkpoint tensor model.extra (as extra)" in ran.stdout
    assert ran.stdout.endswith("1 of 12 gates fail\n")
    assert "\x1b" not in ran.stdout
    assert "Traceback" not in ran.stderr


def test_what_is_no_port_or_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="no port 'smolm3'"):
        list(run("smolm3", [], Phase.VERIFY))
    with pytest.raises(PortError, match="gone does not exist"):
        list(run("smollm3", [str(tmp_path / "gone")], Phase.VERIFY))


def test_a_file_that_cannot_be_written_is_named(whole: Path, tmp_path: Path) -> None:
    options = ("--phase", "preflight", "--checkpoint", str(whole), "--json-out", "no/out.json")
    ran = ports("gates", "smollm3", *options, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == "ports: cannot write no/out.json: No such file or directory\n"
