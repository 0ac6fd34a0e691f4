# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports audit`: what a port's prose says is held against the graph it builds."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from architectures import slugs
from common.errors import PortError
from tests.support import copied_port, ports
from tools.port.audit import LIE, OK, STALE, audited, built_facts
from tools.port.claims import CLAIMS, Facts, denied
from tools.port.package import Package, open_package
from tools.port.prose import sentences
from tools.read.families import mentions

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def facts() -> Facts:
    return built_facts(open_package("smollm3"))


def copied(tmp_path: Path) -> Path:
    return copied_port("smollm3", tmp_path / f"audited{next(_NUMBERS)}")


def judged(package: Package, facts: Facts) -> list[tuple[str, str]]:
    return [(f.verdict, f.why) for f in audited(package, facts) if f.verdict != OK]


@pytest.mark.parametrize("slug", slugs())
def test_no_port_lies(slug: str) -> None:
    package = open_package(slug)
    findings = audited(package, built_facts(package))
    assert [f for f in findings if f.verdict != OK] == []
    assert len(findings) > 5  # so that something was understood at all


def test_a_copied_port_does_not_lie(tmp_path: Path, facts: Facts) -> None:
    assert judged(open_package(str(copied(tmp_path))), facts) == []


CASES = {
    "donor in a comment": (
        "model_config.py",
        "# The name says the opposite:",
        "# As Qwen3 does it:",
        (LIE, 'names Qwen3, and not in a "derives from"'),
    ),
    "donor's class in a docstring": (
        "model.py",
        '"""Serves SmolLM3."""',
        '"""Serves SmolLM3, as LlamaForCausalLM\'s."""',
        (LIE, 'names Llama, and not in a "derives from"'),
    ),
    "a layer that is not there": (
        "weight_adapters.py",
        '"""The checkpoint\'s differences from the graph."""',
        '"""The experts of a layer are stacked."""',
        (LIE, "no fixture's graph has it: mixture of experts"),
    ),
    "a norm that is not there": (
        "arch.py",
        '"""Registers SmolLM3."""',
        '"""Registers SmolLM3, with QK-norm."""',
        (LIE, "no fixture's graph has it: QK-norm"),
    ),
    "a norm by the name it hangs under": (
        "arch.py",
        '"""Registers SmolLM3."""',
        '"""Registers SmolLM3, with LayerNorm."""',
        (LIE, "no fixture's graph has it: LayerNorm"),
    ),
    "a mode that is not there": (
        "model.py",
        '"""Serves SmolLM3."""',
        '"""Serves SmolLM3 on multi-GPU machines."""',
        (LIE, "no fixture's graph has it: multi-GPU"),
    ),
    "an encoding that is not registered": (
        "arch.py",
        '"""Registers SmolLM3."""',
        '"""Registers SmolLM3 for FP8 weights."""',
        (LIE, "no fixture's graph has it: quantised weights"),
    ),
    "a delta's name": (
        "deltas.py",
        '"NoPE layers"',
        '"logit softcapping"',
        (LIE, "no fixture's graph has it: softcap"),
    ),
    "no lineage": (
        "{slug}.py",
        "It derives from Llama: pre-norm",
        "It has pre-norm",
        (STALE, 'the module\'s docstring does not say what it "derives from"'),
    ),
    "no difference": (
        "{slug}.py",
        "It differs in that every",
        "Every",
        (STALE, 'the module\'s docstring does not say how it "differs"'),
    ),
    "another subject": (
        "{slug}.py",
        "SmolLM3's decoder.",
        "A decoder.",
        (STALE, "the module's docstring does not say what it is"),
    ),
    "a field that is gone": (
        "model_config.py",
        "        rotates: Per layer, whether",
        "        turns: Per layer, whether",
        (STALE, "SmolLM3Config has no turns"),
    ),
    "another folder": (
        "__init__.py",
        "architectures/{slug}`",
        "architectures/other`",
        (STALE, "the folder is {slug}"),
    ),
    "finished, but not said": (
        "weight_adapters.py",
        '"""The checkpoint\'s differences from the graph."""',
        '"""The donor\'s rules, so far."""',
        (STALE, "every delta is implemented by now"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_false_sentence_is_found(case: str, tmp_path: Path, facts: Facts) -> None:
    name, old, new, (verdict, why) = CASES[case]
    folder = copied(tmp_path)
    file = folder / name.format(slug=folder.name)
    text, old = file.read_text(), old.format(slug=folder.name)
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    assert judged(open_package(str(folder)), facts) == [(verdict, why.format(slug=folder.name))]


def test_a_format_needs_an_adapter(facts: Facts) -> None:
    (gguf,) = [claim for claim in CLAIMS if claim.words.search("a GGUF file")]
    assert gguf.holds(facts)
    assert not gguf.holds(replace(facts, formats={"safetensors"}))


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no sliding window.",
        "Without QK-norm.",
        "It uses plain sums instead of LayerNorm.",
        "Unlike a mixture of experts, it has one MLP.",
    ],
)
def test_what_is_denied_is_not_claimed(sentence: str) -> None:
    found = [match for claim in CLAIMS if (match := claim.words.search(sentence))]
    assert found
    assert all(denied(sentence, match.start()) for match in found)


def test_families_are_told_from_words() -> None:
    text = "Llama 3.1, GPT-NeoX and Phi-3; we opt for data of a git tree, smoothly, in phi and Opt"
    text += ", by llama.cpp"
    assert list(mentions(text)) == ["Llama 3.1", "GPT-NeoX", "Phi-3", "Opt"]


def test_sentences_end_at_stops_blank_lines_and_listed_names() -> None:
    text = 'It is one, e.g. this. "It" differs\nhere.\n\nAttributes:\n    a: Is a.\n    b: Is b.\n'
    assert sentences(text) == [
        *("It is one, e.g. this.", '"It" differs here.'),
        *("Attributes:", "a: Is a.", "b: Is b."),
    ]


def test_the_command_prints_and_exits(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    ran = ports("audit", str(folder), "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    (report,) = json.loads(ran.stdout)
    assert set(report) == {"port", "holds", "findings"}
    assert set(report["findings"][0]) == {"verdict", "file", "line", "text", "why"}
    file = folder / "arch.py"
    file.write_text(file.read_text().replace("Registers SmolLM3", "Registers [red]Mistral"))
    ran = ports("audit", folder.name, cwd=tmp_path)
    assert ran.returncode == 1
    assert "lie   arch.py:3: names Mistral" in ran.stdout
    assert "Registers [red]Mistral." in ran.stdout
    assert "\x1b" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80


def test_what_is_no_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    with pytest.raises(PortError, match=r"json has no __init__\.py; give the folder of a port"):
        open_package(str(tmp_path / "json"))
    folder = copied(tmp_path)
    folder = folder.rename(tmp_path / "email")
    with pytest.raises(PortError, match="Python has another module 'email'"):
        open_package(str(folder))
    folder = folder.rename(tmp_path / "broken_port")
    (folder / "arch.py").write_text("import nonsense\n")
    with pytest.raises(PortError, match=r"broken_port failed: ModuleNotFoundError: No module"):
        open_package(str(folder))
    with pytest.raises(PortError, match="no port 'smolm3'"):
        open_package("smolm3")
    with pytest.raises(PortError, match="gone does not exist; give a port's slug or its folder"):
        open_package(str(tmp_path / "gone"))
