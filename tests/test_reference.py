# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports reference`: what transformers alone says, and whether that is text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from architectures import load_port
from proof.checkpoints import write_checkpoint
from tests.support import ports_here
from tools.prove.reference import answered, doubts


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    port = load_port("smollm3")
    return write_checkpoint(port, port.fixtures[0], tmp_path_factory.mktemp("model") / "smollm3")


def test_it_is_what_transformers_says(checkpoint: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    turn = [{"role": "user", "content": "one two"}]
    given = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt")
    ids = given["input_ids"]
    made = model.generate(**given, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
    found = answered(checkpoint, "one two", chat=None, new_tokens=8)
    assert found.chat
    assert found.prompt == tokenizer.decode(ids[0])
    assert found.text == tokenizer.decode(made, skip_special_tokens=True)


def test_random_weights_are_no_text(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ports_here(capsys, "reference", str(checkpoint), "--json", "--new-tokens", "8")
    assert code == 1
    assert "the model is sure of nothing" in " ".join(json.loads(out)["doubts"])


DOUBTS = {
    "text": (("Paris is the capital of France.", [1, 2, 3, 4, 5, 6, 7, 8], 0.6), ""),
    "nothing": (("  ", [0], 0.6), "the answer is empty"),
    "bytes": (("\ufffd\ufffd\ufffdab", [1, 2, 3], 0.6), "60% of its characters do not print"),
    "one word": (("the the the the", [9] * 7 + [1], 0.6), "one token is 7 of 8"),
    "a guess": (("some words", [1, 2], 0.01), "sure of nothing: 0.010"),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_what_speaks_against_text(case: str) -> None:
    answer, doubt = DOUBTS[case]
    found = doubts(*answer)
    assert bool(found) == bool(doubt)
    assert doubt in " ".join(found)


def test_a_template_that_is_not_there_is_said(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in checkpoint.iterdir():
        if "chat_template" not in file.name:
            (bare / file.name).write_bytes(file.read_bytes())
    code, _, err = ports_here(capsys, "reference", str(bare), "--chat")
    assert code == 2
    assert "has no chat template; leave --chat out" in err
    code, out, _ = ports_here(capsys, "reference", str(bare), "--json")
    assert json.loads(out)["chat"] is False


def test_what_transformers_cannot_load_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    code, out, err = ports_here(capsys, "reference", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("ports: ")
