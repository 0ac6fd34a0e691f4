# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Faults planted in Mixtral."""

from __future__ import annotations

import numpy as np

from common.declaration import Fixture
from common.layers import SoftmaxRouter

from .kinds import (
    EXPERTS,
    MLP,
    OF_EXPERTS,
    ROUTER,
    SHARES,
    Fault,
    SigmoidRouter,
    each,
    exchange,
    named,
    rope_parameters,
)

FIXTURE = Fixture(
    "hunt",
    {
        "num_hidden_layers": 2,
        "num_local_experts": 5,
        "num_experts_per_tok": 2,
        "rope_parameters": rope_parameters(777.0),
    },
)

FAULTS: tuple[Fault, ...] = (
    Fault("weights as they are", SHARES, "router-norm", named(ROUTER, SoftmaxRouter)),
    Fault("sigmoid for softmax", SHARES, "router-scores", named(ROUTER, SigmoidRouter)),
    Fault(
        "experts in another order",
        EXPERTS,
        "expert-order",
        weights=each(lambda weight: np.roll(weight, 1, axis=0), *OF_EXPERTS),
    ),
    Fault(
        "routers in another order",
        SHARES,
        "expert-order",
        weights=each(lambda weight: weight[[1, 0, *range(2, 5)]], f"{MLP}.gate.weight"),
    ),
    Fault(
        "gate and up of experts exchanged",
        EXPERTS,
        "gate-up",
        weights=exchange(*OF_EXPERTS[:2]),
    ),
)
