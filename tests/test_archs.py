# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports list-archs`, and the same names read from files without importing MAX."""

from __future__ import annotations

import json

import pytest

from architectures import ARCHITECTURES
from tests.support import ports_here
from tools.read import installed
from tools.read.archs import known


def registered() -> dict[str, str]:
    """MAX's live names; importing max.pipelines fills its registry."""
    import max.pipelines  # noqa: F401
    from max.pipelines.lib.registry import PIPELINE_REGISTRY as REGISTRY

    modules = {
        name: entry.pipeline_model.__module__ for name, entry in REGISTRY.architectures.items()
    }
    modules |= {
        name: entries[0][0].lstrip(".") for name, entries in REGISTRY._lazy_architectures.items()
    }
    prefix = "max.pipelines.architectures."
    return {
        name: module.removeprefix(prefix).split(".")[0]
        for name, module in modules.items()
        if not module.startswith("architectures.")
    }


def test_what_files_say_is_what_is_registered() -> None:
    live = {name: (slug, "max") for name, slug in installed.with_aliases(registered()).items()}
    live |= {name: (slug, "ports") for name, slug in ARCHITECTURES.classes.items()}
    assert {arch.name: (arch.slug, arch.origin) for arch in known()} == live
    assert len(live) > 80


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("starcoder", "Starcoder2ForCausalLM\tstarcoder2\tports\n"),
        ("SmolLM3ForCausalLM", "SmolLM3ForCausalLM\tsmollm3\tports\n"),
        ("cohere2", "Cohere2ForCausalLM\tcohere2\tports\n"),
        ("gpt-neox", "GPTNeoXForCausalLM\tgpt_neox\tports\n"),
        ("stablelmepoch", "StableLMEpochForCausalLM\tstablelm\tports\n"),
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


def test_a_name_of_max_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ports_here(capsys, "list-archs", "--match", "llamaforcausallm")
    assert "LlamaForCausalLM\tllama3\tmax" in out.splitlines()


def test_without_max_the_exit_code_is_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "max_names", dict)
    code, out, err = ports_here(capsys, "list-archs")
    assert (code, out) == (2, "")
    assert err == "ports: MAX is missing; `./ports env` makes the environment\n"
