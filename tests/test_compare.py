# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports compare`: its verdicts, and what it refuses. tests/test_serving.py has the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import PortError
from tests.support import ports
from tools.prove.compare import (
    ALIGNED,
    DIVERGED,
    Alignment,
    LocalReference,
    Probe,
    Served,
    Text,
    Top,
    shared,
)
from tools.run.serving import free_port


def probe(expected: float, found: float, token: str = "a", tokens: int = 1) -> Probe:
    return Probe(tokens, Top("a", expected), Top(token, found))


@pytest.mark.parametrize(
    ("expected", "found", "token", "verdict"),
    [
        (-2.0, -2.0, "a", ALIGNED),
        (-2.0, -2.09, "a", ALIGNED),
        (-2.0, -2.11, "a", DIVERGED),
        (-2.0, -2.0, "b", DIVERGED),
        # As good as certain on both sides: only the ratio is large.
        (-0.001, -0.010, "a", ALIGNED),
        (-0.001, -0.100, "a", DIVERGED),
    ],
)
def test_a_probe_is_judged(expected: float, found: float, token: str, verdict: str) -> None:
    assert probe(expected, found, token).verdict == verdict


@pytest.mark.parametrize(("same", "verdict"), [(32, ALIGNED), (12, ALIGNED), (11, DIVERGED)])
def test_texts_may_part_late(same: int, verdict: str) -> None:
    assert Text("a", "b", same, 32).verdict == verdict
    assert Text("a", "a", 4, 4).verdict == ALIGNED


def test_a_comparison_names_its_symptom() -> None:
    good, bad = probe(-1, -1), probe(-1, -2)
    right, wrong = Text("a", "a", 32, 32), Text("a", "b", 2, 32)
    symptoms = {
        Alignment((good, good), right): (ALIGNED, None),
        Alignment((bad, good), right): (DIVERGED, "wrong-at-first-token"),
        Alignment((good, bad), right): (DIVERGED, "wrong-from-some-length"),
        Alignment((good, good), wrong): (DIVERGED, "text-parts"),
    }
    for comparison, expected in symptoms.items():
        assert (comparison.verdict, comparison.symptom) == expected


def test_shared_counts_the_common_beginning() -> None:
    assert shared("abcd", "abxd") == 2
    assert shared("ab", "abcd") == 2
    assert shared("", "a") == 0


def test_the_reference_continues_greedily(whole: Path) -> None:
    reference = LocalReference(whole)
    tokens = reference.tokens("abc", 7)
    assert len(tokens) == 7
    assert tokens[:3] == tokens[3:6]
    first, second = reference.greedy(tokens, 2)
    assert reference.greedy([*tokens, first[0]], 1) == [second]
    assert reference.longest == 512
    with pytest.raises(PortError, match="the prompt has no token"):
        reference.tokens("", 5)


def test_no_server_is_said() -> None:
    with pytest.raises(PortError, match=r"no model is served at http://127\.0\.0\.1:"):
        Served(f"http://127.0.0.1:{free_port()}")


def test_another_ports_checkpoint_is_refused(whole: Path) -> None:
    ran = ports("compare", str(whole), "--slug", "cohere2")
    assert ran.returncode == 2
    assert ran.stderr == (
        f"ports: {whole} is of ['SmolLM3ForCausalLM']; cohere2 is the port of Cohere2ForCausalLM\n"
    )


def test_the_json_is_plain() -> None:
    found = Alignment((probe(-1, -2),), Text("a", "b", 2, 32)).to_json()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"probe", "text", "verdict", "symptom"}
    assert set(found["probe"][0]) == {"tokens", "transformers", "max", "rel_diff", "verdict"}
    assert set(found["text"]) == {"transformers", "max", "same", "tokens", "verdict"}
