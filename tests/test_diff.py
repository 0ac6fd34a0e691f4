# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The divergence hunt through the real pipeline: faults planted in ports, and healthy ports.

COMPILED and BESIDE, and the same with _BF16, are directories of their graphs; without them they
compile here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.compiled.target import Target
from common.declaration import Fixture
from hunt.divergence import Hunt
from hunt.taps import tapping
from proof.batch import Batch
from proof.harness import build
from proof.parity import tokens
from tests.planted import FAULTS, FIXTURES, healthy
from tests.planted.kinds import Fault
from tests.planted.planted import Planted, load_planted
from tests.support import ports
from tools.prove.diff import TABLE

PROMPT, STEPS = tokens(40), 6
#: Hunted ports, and how many sets of weights each is hunted with.
HEALTHY = healthy()
SEEDS = dict.fromkeys(FIXTURES, 10) | dict.fromkeys(HEALTHY, 2)
#: The share of all faults that must have the right cause first.
FIRST = 0.9


def loaded(target: Target, fixtures: Mapping[str, Fixture], suffix: str, scratch: Path) -> Planted:
    given = [os.environ.get(name + suffix) for name in ("COMPILED", "BESIDE")]
    compiled, beside = (Path(path) if path else None for path in given)
    directories = (compiled, beside) if compiled and beside else None
    return load_planted(target, fixtures, scratch, directories, progress=print)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return loaded(Target(), FIXTURES | HEALTHY, "", tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def hunts(planted: Planted) -> dict[str, Hunt]:
    return {f.name: planted.hunt(slug, f, PROMPT, STEPS, TABLE) for slug, f in FAULTS}


def test_there_are_faults_of_many_kinds() -> None:
    assert len(FAULTS) >= 25
    assert len({fault.cause for _, fault in FAULTS}) >= 20
    assert {slug for slug, _ in FAULTS} == set(FIXTURES)
    assert max(Counter(fault.name for _, fault in FAULTS).values()) == 1


@pytest.mark.parametrize("fault", [fault for _, fault in FAULTS], ids=lambda fault: fault.name)
def test_the_first_wrong_tensor_and_the_cause_are_named(
    fault: Fault, hunts: dict[str, Hunt]
) -> None:
    found = hunts[fault.name]
    assert found.first is not None
    assert found.first.name in fault.wrong
    assert fault.cause in [cause.id for cause in found.causes[:3]]
    assert found.phase == ("decode" if fault.decode else "prefill")
    assert found.cache == fault.decode


def test_most_causes_come_first(hunts: dict[str, Hunt]) -> None:
    first = [fault.name for _, fault in FAULTS if hunts[fault.name].causes[0].id == fault.cause]
    assert len(first) >= FIRST * len(FAULTS)


def hunted_healthy(planted: Planted, seed: int) -> Iterator[Hunt]:
    """Yields the hunts with a set of weights."""
    slugs = [slug for slug in planted.fixtures if seed < SEEDS[slug]]
    for subject in planted.seeded(slugs, seed):
        yield planted.healthy(subject, tokens(40, seed), STEPS, TABLE)


@pytest.mark.parametrize("seed", range(max(SEEDS.values())))
def test_healthy_ports_are_clean_whatever_their_weights(seed: int, planted: Planted) -> None:
    for found in hunted_healthy(planted, seed):
        assert found.clean, (found.slug, found.first)
        assert found.uncompared == []
        assert len(found.prefilled) == len(found.decoded) > 25


@pytest.fixture(scope="session")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    target = Target("cpu", "bfloat16")
    return loaded(target, FIXTURES, "_BF16", tmp_path_factory.mktemp("halved"))


@pytest.mark.parametrize("seed", range(max(SEEDS.values())))
def test_rounding_to_bfloat16_is_no_divergence(seed: int, halved: Planted) -> None:
    for found in hunted_healthy(halved, seed):
        assert found.clean, (found.slug, found.first)


def test_one_graph_serves_every_prompt_and_step(planted: Planted) -> None:
    before = dict(planted.batch.bodies)
    (subject,) = planted.seeded(["cohere2"], 0)
    for prompt, steps in ((tokens(3), 0), (tokens(200), 9), ([1, 2, 3, 4, 5], 2)):
        found = planted.healthy(subject, prompt, steps, TABLE)
        assert found.clean
        assert len(found.tokens) == len(prompt) + steps
    assert planted.batch.bodies == before


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Graphs of one port: without taps, with them, and without them once more."""
    from architectures import load_port
    from proof.checkpoints import write_checkpoint

    directory = tmp_path_factory.mktemp("traced") / "smollm3"
    write_checkpoint(load_port("smollm3"), FIXTURES["smollm3"], directory)
    names: dict[str, list[str]] = {}
    bodies: dict[str, str] = {}
    for name in ("off", "on", "again"):
        batch = Batch()
        with batch.collecting("one"):
            if name == "on":
                with tapping(names):
                    build(directory, max_batch_size=1)
            else:
                build(directory, max_batch_size=1)
        (bodies[name],) = batch.bodies.values()
    bodies["names"] = json.dumps(names["one/decoder"])
    return bodies


def test_taps_that_are_off_change_nothing(traced: dict[str, str]) -> None:
    assert traced["off"] == traced["again"] != traced["on"]


def test_taps_are_named_as_the_graphs_parts(traced: dict[str, str]) -> None:
    names = json.loads(traced["names"])
    assert len(set(names)) == len(names)
    for part in ("q_proj", "q_rotated", "k_cached", "o_proj.input", "o_proj"):
        assert f"layers.1.self_attn.{part}" in names
    assert names[0] == "embed_tokens"
    assert names[-2:] == ["norm", "lm_head"]


def write(name: str, text: str) -> Any:
    return lambda folder: (folder / name).write_text(text)


BAD: dict[str, tuple[list[str], Any, str]] = {
    "no port": (["smolm3"], None, "no port 'smolm3' under architectures/ (nearest: smollm3)"),
    "no checkpoint": (["smollm3", "nowhere"], None, "nowhere does not exist"),
    "no dtype": (["smollm3", "--dtype", "float16"], None, "no dtype 'float16'"),
    "two prompts": (["smollm3", "--prompt", "a", "--ids", "b"], None, "give one"),
    "no ids": (["smollm3", "--ids", "ids"], None, "ids cannot be read"),
    "empty ids": (["smollm3", "--ids", "ids"], write("ids", "[]"), "ids holds no token id"),
    "words as ids": (["smollm3", "--ids", "ids"], write("ids", "[1, x]"), "no list of token ids"),
    "strange ids": (
        ["smollm3", "--ids", "ids"],
        write("ids", "3 384"),
        "token 384 is not of the vocabulary, which has 0 to 383",
    ),
    "negative ids": (["smollm3", "--ids", "ids"], write("ids", "3 -1"), "token -1 is not of the"),
    "too long": (
        ["smollm3", "--max-length", "100"],
        None,
        "160 tokens and 4 decoded are more than --max-length 100 takes",
    ),
    "empty prompt": (["smollm3", "--prompt", ""], None, "the prompt has no token"),
    "no folder": (["smollm3", "--html", "no/page.html"], None, "no does not exist; --html"),
    "a folder": (["smollm3", "--html", "."], None, ". is a folder; give --html a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, tmp_path: Path) -> None:
    arguments, prepare, message = BAD[case]
    if prepare:
        prepare(tmp_path)
    ran = ports("diff", *arguments, cwd=tmp_path)
    assert ran.returncode == 2, ran.stderr
    assert ran.stdout == ""
    (line,) = [line for line in ran.stderr.splitlines() if not line.startswith("[")]
    assert line.startswith("ports: ")
    assert message in line


def test_another_ports_checkpoint_is_refused(tmp_path: Path) -> None:
    from architectures import load_port
    from proof.checkpoints import write_checkpoint

    write_checkpoint(load_port("cohere2"), FIXTURES["cohere2"], tmp_path / "c")
    ran = ports("diff", "smollm3", "c", cwd=tmp_path)
    assert ran.returncode == 2
    assert "c is of Cohere2ForCausalLM; smollm3 is the port of SmolLM3ForCausalLM" in ran.stderr
