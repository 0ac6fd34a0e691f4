# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports list-archs`, and the same names read from files without importing MAX."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support import ports_here
from tools.read import installed
from tools.read.archs import registered


def test_what_files_say_is_what_is_registered() -> None:
    live = {arch.name: (arch.slug, arch.origin) for arch in registered()}
    read = {name: (slug, "max") for name, slug in installed.max_names().items()}
    read |= {name: (slug, "ports") for name, slug in installed.port_names().items()}
    assert read == live
    assert len(live) > 80


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("LlamaForCausalLM", "LlamaForCausalLM\tllama3\tmax\n"),
        ("Qwen3ForCausalLM", "Qwen3ForCausalLM\tqwen3\tmax\n"),
        ("SmolLM3ForCausalLM", "SmolLM3ForCausalLM\tsmollm3\tports\n"),
    ],
)
def test_a_class_is_found(name: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ports_here(capsys, "list-archs", "--match", name) == (0, line, "")


def test_an_alias_is_found() -> None:
    names = {"A_ModuleV3": "a_modulev3", "B": "b", "B_ModuleV3": "b_modulev3"}
    assert installed.with_aliases(names) == {**names, "A": "a_modulev3"}


def test_no_match_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ports_here(capsys, "list-archs", "--match", "SmolLM4ForCausalLM")
    assert (code, out) == (1, "")
    assert err.startswith("ports: nothing serves SmolLM4ForCausalLM (nearest: SmolLM3ForCausalLM")


def test_json_has_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ports_here(capsys, "list-archs", "--json")
    assert code == 0
    for arch in json.loads(out):
        assert set(arch) == {"name", "slug", "origin"}
        assert arch["origin"] in ("max", "ports")


def test_without_max_the_exit_code_is_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As an import finds it where the package is not installed.
    for name in [name for name in sys.modules if name.split(".")[0] == "max"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "max", None)
    code, out, err = ports_here(capsys, "list-archs")
    assert (code, out) == (2, "")
    assert err.startswith("ports: MAX is missing (")
    assert err.endswith("`./ports env` makes the environment\n")
