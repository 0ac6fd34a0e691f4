# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A proof is stale when what it is about has changed, and only then."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from architectures import load_port, slugs
from common.layers import GatedMLP
from proof import record
from tests.support import ports
from tools.prove.verify import _stale


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one source of common/, as if the repository were this."""
    source = record.ROOT / "common" / "layers" / "mlp.py"
    copy = tmp_path / "common" / "layers" / "mlp.py"
    copy.parent.mkdir(parents=True)
    copy.write_text(source.read_text())
    monkeypatch.setattr(record, "ROOT", tmp_path)
    return copy


def test_a_comment_or_a_docstring_changes_no_code(elsewhere: Path) -> None:
    before = record.code("none")
    text = elsewhere.read_text()
    elsewhere.write_text(text.replace('"""Feed-forward', '"""Other feed-forward') + "# More.\n")
    record._code.cache_clear()
    assert record.code("none") == before
    elsewhere.write_text(text.replace("self.act(gate) * up", "self.act(up) * gate"))
    record._code.cache_clear()
    assert record.code("none") != before


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some code has changed, so that graphs have to tell."""
    monkeypatch.setattr(record, "code", lambda slug: "changed")


@pytest.mark.parametrize("slug", slugs())
def test_a_proof_is_recorded_and_not_stale(slug: str, touched: None) -> None:
    known = record.last(slug)
    assert known is not None
    assert known["deltas"].keys() == {delta.name for delta in load_port(slug).deltas}
    assert record.changed(slug) == []


def test_a_formula_makes_those_stale_whose_graphs_have_it(
    touched: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = GatedMLP.__call__
    monkeypatch.setattr(GatedMLP, "__call__", lambda self, x: plain(self, x) * 2.0)
    assert record.changed("smollm3") == ["other graphs", "other ranks"]
    # Its MLP has two matrices, and no gate.
    assert record.changed("starcoder2") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max": "1.0"}, ["max was 1.0"]),
        ({"transformers": "4.0"}, ["transformers was 4.0"]),
        (
            {"made_from": {"code": "x"}},
            ["other fixtures", *("other graphs", "other ranks", "other weights")],
        ),
    ],
)
def test_what_changed_is_said(
    change: dict[str, Any], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {**(record.last("starcoder2") or {}), **change}
    monkeypatch.setattr(record, "last", lambda slug: known)
    assert record.changed("starcoder2") == said


def test_another_fixture_makes_a_proof_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    port = load_port("starcoder2")
    fewer = dataclasses.replace(port, fixtures=port.fixtures[:2])
    monkeypatch.setattr(record, "load_port", lambda slug: fewer)
    monkeypatch.setattr(record, "code", lambda slug: "changed")
    others = ("fixtures", "graphs", "ranks", "weights")
    assert record.changed("starcoder2") == [f"other {name}" for name in others]


def test_who_was_never_proven_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "last", lambda slug: None)
    assert record.changed("starcoder2") == ["never proven"]


def test_verify_takes_what_is_stale_and_says_what_it_passes_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"gpt2": ["other graphs"]}
    monkeypatch.setattr(record, "changed", lambda slug: changes.get(slug, []))
    log = Console(stderr=True, width=200)
    assert _stale(["cohere2", "gpt2"], "float32", log) == ["gpt2"]
    said = capsys.readouterr().err
    assert "gpt2: other graphs" in said
    assert "passed over, since proven as they are: cohere2; --all proves them too" in said
    monkeypatch.setattr(record, "last", lambda slug: {"parity": {"float32": {}}})
    assert _stale(["cohere2"], "bfloat16", log) == ["cohere2"]
    assert "cohere2: never proven in bfloat16" in capsys.readouterr().err


def test_all_takes_no_names() -> None:
    ran = ports("verify", "gpt2", "--all")
    assert ran.returncode == 2
    assert ran.stderr == "ports: --all proves every port: name none with it\n"
