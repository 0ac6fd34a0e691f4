# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports missing`: all that nothing here serves, with its walls, easiest first."""

from __future__ import annotations

import json

import pytest

from tests.support import ports_here
from tools.read import installed, missing
from tools.read.missing import unserved

STATE, LATENT, SINKS = "recurrent state", "latent attention", "attention sinks"
OTHER, APART, RELATIVE = "other attention", "layers out of line", "relative position bias"
#: What transformers took in after 5.12, and the walls that reading its code finds.
NEW: dict[str, set[str]] = {
    "Apertus1p5TextForCausalLM": set(),
    "AXK1ForCausalLM": {LATENT},
    "AXK2ForCausalLM": {LATENT, OTHER},
    "BailingHybridForCausalLM": {LATENT, STATE},
    "BeamForCausalLM": set(),
    "CohereCompassForCausalLM": set(),
    # Its layers run in loops that see each other's keys.
    "DoryForCausalLM": {APART},
    "Dots3NoteForCausalLM": {"multimodal", LATENT, OTHER},
    "FlintForCausalLM": {SINKS},
    "GraniteMoeSWAForCausalLM": {SINKS},
    "GraniteSWAForCausalLM": {SINKS},
    "HYV4ForCausalLM": {LATENT, OTHER, SINKS, APART},
    # A convolution before each sublayer, in layers that attend.
    "InklingForCausalLM": {STATE, RELATIVE},
    "Inkling2ForCausalLM": {STATE, RELATIVE},
    "Inkling2LoopForCausalLM": {STATE, RELATIVE, APART},
    "KimiLinearForCausalLM": {LATENT, STATE},
    "Kolibri1ForCausalLM": set(),
    "LaraMiniForCausalLM": {STATE},
    "Lfm3ForCausalLM": {STATE},
    "MiMoV2FlashForCausalLM": {SINKS},
    "MiniCPM3ForCausalLM": {LATENT},
    "Qwen4ExpForCausalLM": {"multimodal", STATE, OTHER, APART},
    # Its queries and keys are convolved.
    "ZayaForCausalLM": {STATE},
}


@pytest.fixture(scope="module")
def rows() -> list[missing.Missing]:
    return list(missing.missing())


def test_the_newest_have_their_walls(rows: list[missing.Missing]) -> None:
    walls = {row.name: {wall.name for wall in row.walls} for row in rows}
    assert {name: walls[name] for name in NEW} == NEW
    assert len(NEW) == 23
    # The config of its images is made where none is given.
    assert walls["Emu3ForCausalLM"] == {"multimodal"}


def test_every_class_is_served_or_missing(rows: list[missing.Missing]) -> None:
    listed = {row.name for row in rows}
    served = installed.max_names().keys() | installed.port_names().keys()
    assert not listed & served
    assert listed | (served & installed.causal_types().keys()) == installed.causal_types().keys()
    assert len(rows) == len(unserved()) > 120


def test_each_has_a_donor_and_something_to_do(rows: list[missing.Missing]) -> None:
    for row in rows:
        assert row.donor in installed.max_names().keys() | installed.port_names().keys(), row
        assert row.methods > 0, row
    nearest = {row.model_type: (row.donor, row.methods) for row in rows}
    # Biases of the four projections, where Llama has one flag for all.
    assert nearest["seed_oss"] == ("LlamaForCausalLM", 1)
    assert nearest["vaultgemma"][0] == "GemmaForCausalLM"


def test_a_port_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "starcoder2" not in unserved()
    known = installed.port_names()
    fewer = {name: slug for name, slug in known.items() if slug != "starcoder2"}
    monkeypatch.setattr(installed, "port_names", lambda: fewer)
    assert unserved()["starcoder2"] == "Starcoder2ForCausalLM"


def test_easiest_first(rows: list[missing.Missing], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ports_here(capsys, "missing", "--json")
    found = json.loads(out)
    assert code == 0
    assert {row["class"] for row in found} == {row.name for row in rows}
    order = [(len(row["walls"]), row["methods"]) for row in found]
    assert order == sorted(order)


def test_a_pipe_gets_a_line_a_class(
    rows: list[missing.Missing], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ports_here(capsys, "missing")
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert len(lines) == len(rows)
    assert {len(line) for line in lines} == {6}
    assert ["zaya", "ZayaForCausalLM", "recurrent state"] in [line[:3] for line in lines]
    assert f"comparing {len(lines)} classes" in err
