# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The proof can fail: each check sees the fault that it is there for. Needs no compile."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from architectures import load_port
from common.declaration import Delta, Fixture, WithConfig, WithWeights
from common.declaration.witnesses import zero
from common.errors import PortError
from proof import checks, parity
from proof.checkpoints import write_checkpoint
from proof.metrics import Agreement, agreement
from proof.oracle import Oracle
from proof.report import FixtureReport

PORT = load_port("smollm3")
FIXTURE = PORT.fixtures[0]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(PORT, FIXTURE, tmp_path_factory.mktemp("verify") / FIXTURE.name)


def test_a_witness_that_takes_nothing_out_moves_nothing(checkpoint: Path) -> None:
    idle = Delta("idle", "SmolLM3Model.forward", WithConfig({"use_cache": False}))
    assert checks.check_delta(idle, [Oracle(checkpoint)]) == 0


def test_a_witness_that_finds_no_tensor_is_an_error(checkpoint: Path) -> None:
    with pytest.raises(PortError, match="none ends in"):
        Oracle(checkpoint, witness=WithWeights(("query_key_value.weight",), zero))


def test_a_dead_tensor_is_named(checkpoint: Path) -> None:
    cut = WithWeights(("layers.1.self_attn.o_proj.weight",), zero)
    dead = Oracle(checkpoint, witness=cut).dead_tensors(parity.tokens(32))
    layer = "model.layers.1"
    fed = [f"{layer}.self_attn.{part}_proj.weight" for part in "qkv"]
    assert dead == [*fed, f"{layer}.input_layernorm.weight"]


def test_an_uncovered_flag_is_named(checkpoint: Path) -> None:
    problems = list(checks.check_flags(PORT, {FIXTURE.name: checkpoint}))
    flags = ("attention_bias", "tie_word_embeddings", "mlp_bias")
    assert [problem.split()[3] for problem in problems] == list(flags)


def test_an_unknown_config_key_is_named(checkpoint: Path) -> None:
    novel = dataclasses.replace(FIXTURE, legacy={**FIXTURE.legacy, "logit_bias": 1})
    assert list(checks.check_config(PORT, novel, checkpoint)) == [
        "tied: config key 'logit_bias' is neither read nor ignored (legacy)"
    ]


def test_spellings_that_disagree_are_named(checkpoint: Path) -> None:
    wrong = Fixture(FIXTURE.name, FIXTURE.config, {**FIXTURE.legacy, "rms_norm_eps": 0.5})
    (problem,) = checks.check_config(PORT, wrong, checkpoint)
    assert problem.startswith("tied: norm_eps is 0.5 in the legacy spelling, 0.001 in the new one")


def test_agreement_measures_in_deviations_of_the_oracle() -> None:
    oracle = np.random.default_rng(0).standard_normal((7, 50)).astype(np.float32)
    same = agreement(3 * oracle, 3 * oracle)
    assert (same.positions, same.max_sigma, same.kl, same.top1) == (7, 0, 0, 1)
    assert abs(same.cosine) < 1e-12
    off = oracle.copy()
    off[3, oracle[3].argmin()] += 100
    found = agreement(off, oracle)
    assert found.max_sigma == pytest.approx(100 / oracle.astype(np.float64).std(), rel=1e-5)
    assert found.kl > 10
    assert found.cosine > 0.5
    assert found.top1 < 1


def test_a_lead_within_rounding_is_a_tie() -> None:
    oracle = np.array([[1.0, 0.99, -1.0], [1.0, -1.0, 0.0]], np.float32)
    turned = oracle[:, [1, 0, 2]]
    lost = 0.01 / oracle.astype(np.float64).std()
    assert agreement(turned, oracle, tie=0.9 * lost).top1 == 0
    assert agreement(turned, oracle, tie=1.1 * lost).top1 == 0.5


GOOD = Agreement(positions=24, max_sigma=1e-6, kl=1e-12, cosine=1e-12, top1=1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_sigma": 2e-4}, "max |Δlogit| 2.0e-04 σ > 1e-04"),
        ({"max_sigma": float("nan")}, "max |Δlogit| nan σ"),
        ({"kl": 1e-7}, "KL 1.0e-07 > 1e-08"),
        ({"cosine": 2e-8}, "cosine distance 2.0e-08 > 1e-08"),
        ({"top1": 0.5}, "50.0% of greedy tokens agree, < 100%"),
    ],
)
def test_a_disagreement_is_said(change: dict[str, float], said: str) -> None:
    bad = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    found = FixtureReport("tied", [5], [GOOD], [bad])
    (problem,) = parity.disagreements(found)
    assert problem.startswith("tied: decode")
    assert said in problem
    assert list(parity.disagreements(FixtureReport("tied", [5], [GOOD], [GOOD]))) == []
