# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports verify --tier`: what needs no compile; tests/test_serving.py runs the served tiers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import ports
from tools.prove.tiers import TIERS, log_perplexity


def test_there_are_six_and_each_can_run_or_says_how() -> None:
    assert [tier.name for tier in TIERS] == [
        *("smoke", "greedy text", "probe", "perplexity", "benchmark", "logit parity"),
    ]
    assert all(bool(tier.run) != bool(tier.command) for tier in TIERS)


def test_a_tier_that_cannot_run_here_says_what_to_run() -> None:
    ran = ports("verify", "smollm3", "--tier", "5")
    assert ran.returncode == 3
    assert "needs the network" in ran.stderr
    assert ran.stdout == TIERS[4].command + "\n"


@pytest.mark.parametrize("tier", ["0", "7"])
def test_there_is_no_other_tier(tier: str) -> None:
    ran = ports("verify", "smollm3", "--tier", tier)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_options_of_the_proof_are_refused_beside_a_lesser_tier() -> None:
    ran = ports("verify", "smollm3", "--tier", "5", "--encoding", "bfloat16")
    assert ran.returncode == 2
    assert ran.stderr.startswith("ports: --encoding, --compiled and --record are for tier 6")


def test_perplexity_is_that_of_the_next_token() -> None:
    # Uniform: as many as there are tokens.
    assert np.exp(log_perplexity([[0.0] * 5] * 4, [1, 2, 3, 4])) == pytest.approx(5)
    certain = np.full((3, 5), -50.0)
    certain[0, 2] = certain[1, 4] = 50.0
    # The last position predicts a token that is not there.
    assert log_perplexity(certain.tolist(), [0, 2, 4]) == pytest.approx(0)
    assert log_perplexity(certain.tolist(), [0, 2, 3]) == pytest.approx(50)
