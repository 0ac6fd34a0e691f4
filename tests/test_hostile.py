# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""2,000 hostile configs: no traceback, the right exit code, nothing written, no code run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.sparse import write_sparse
from tools.__main__ import main
from tools.read.config import shown
from tools.read.config_keys import KEYS

EVIL = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
"""
#: Keys that commands read, and some of every row of the table.
NAMES = sorted(
    {
        *("architectures", "model_type", "auto_map", "quantization_config", "rope_scaling"),
        *("rope_parameters", "layer_types", "vocab_size", "hidden_size", "num_attention_heads"),
        *("num_key_value_heads", "num_hidden_layers", "head_dim", "num_experts", "sliding_window"),
        *("kv_lora_rank", "qk_rope_head_dim", "attn_config", "no_rope_layers", "dtype"),
        *(row.patterns[0].replace("*", "x") for row in KEYS),
    }
)
PATHS = ["../../../etc/passwd", "/etc/passwd", "..", "a/../b", "gpt2/../evil", "\x1b[2J", "[red]"]
TEXT = st.one_of(
    st.sampled_from([*PATHS, "mixtral", "MixtralForCausalLM", "evil.Evil", "full_attention"]),
    st.text(st.characters(), max_size=20),
)
NUMBER = st.one_of(
    st.integers(-2, 5),
    st.integers(-(10**40), 10**40),
    st.sampled_from([0, -1, 2**63, 10**400]),
    st.floats(),
)
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=8,
)
CONFIG = st.dictionaries(st.one_of(st.sampled_from(NAMES), TEXT), VALUE, max_size=12)
NAMED = st.builds(
    lambda config, name, kind: {"architectures": [name], "model_type": kind, **config},
    CONFIG,
    st.sampled_from(["MixtralForCausalLM", "Evil", "../evil"]),
    st.sampled_from(["mixtral", "llama", "evil", "../evil", "auto/../../evil"]),
)
REMOTE = {
    "architectures": ["Evil"],
    "auto_map": {"AutoConfig": "evil.Evil"},
    "model_type": "evil",
}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"rope_parameters": value}
    return value


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("hostile")
    write_sparse(directory / "model.safetensors", {"model.embed_tokens.weight": (4, 4)})
    for name in ("evil.py", "configuration_evil.py", "modeling_evil.py"):
        (directory / name).write_text(EVIL)
    (directory / "config.json").touch()
    return directory


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(arguments))
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def holds(directory: Path, config: dict[str, Any], *flags: str) -> None:
    file = directory / "config.json"
    # As json writes what Python can: NaN, infinities and lone surrogates included.
    file.write_text(json.dumps(config))
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    modules = set(sys.modules)
    for command in ("inspect", "check-walls", "list-keys"):
        code, out, err = run(command, str(directory), *flags)
        assert code in ((0, 1, 2) if command == "check-walls" else (0, 2)), (command, err)
        assert "Traceback" not in out + err
        assert len(err.splitlines()) <= 1
        assert "\x1b" not in out + err
        # What a terminal or a pipe takes.
        (out + err).encode()
        if flags and out:
            json.loads(out)
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before
    assert not {name for name in set(sys.modules) - modules if "evil" in name}


FLAGS = st.sampled_from([(), ("--json",)])
many = settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(CONFIG, FLAGS)
@example({"vocab_size": 10**400, "hidden_size": 10**400, "num_attention_heads": 1}, ())
@example({"vocab_size": 10**400, "hidden_size": 10**400, "num_attention_heads": 1}, ("--json",))
def test_any_object_is_taken_for_what_it_is(
    directory: Path, config: dict[str, Any], flags: tuple[str, ...]
) -> None:
    holds(directory, config, *flags)


@many
@given(NAMED, FLAGS)
@example(REMOTE, ())
@example(REMOTE, ("--json",))
def test_so_is_one_that_names_a_class(
    directory: Path, config: dict[str, Any], flags: tuple[str, ...]
) -> None:
    holds(directory, config, *flags)


@pytest.mark.parametrize("depth", [400, 900])
def test_nesting_that_json_takes_is_taken(directory: Path, depth: int) -> None:
    holds(directory, nested(depth))
    holds(directory, nested(depth), "--json")


def test_what_is_nested_deeper_than_it_can_be_shown_is_named() -> None:
    assert shown(nested(5_000)) == "a deeply nested dict"


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_is_no_json(directory: Path, depth: int) -> None:
    (directory / "config.json").write_text('{"a":' * depth + "0" + "}" * depth)
    for command in ("inspect", "check-walls", "list-keys"):
        code, out, err = run(command, str(directory))
        assert (code, out) == (2, "")
        assert err.startswith("ports: ")
        assert "is not JSON" in err
        assert len(err.splitlines()) == 1


def test_a_config_of_many_keys_is_read(directory: Path) -> None:
    holds(directory, {f"key_{i}": i for i in range(5_000)})
    holds(directory, {f"key_{i}": i for i in range(5_000)}, "--json")
    assert os.path.getsize(directory / "config.json") > 50_000
