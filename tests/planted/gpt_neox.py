# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Faults planted in GPT-NeoX."""

from __future__ import annotations

from common.adapters import SplitGroupedQKV, SplitQKV
from common.declaration import Fixture

from .kinds import (
    ACTIVATED,
    NORM,
    QKV,
    ROTATED,
    Fault,
    config,
    each,
    instead,
    rope,
    rope_parameters,
    zeroed,
)

FIXTURE = Fixture(
    "hunt",
    {
        "num_hidden_layers": 2,
        "rope_parameters": rope_parameters(777.0, partial_rotary_factor=0.5),
    },
)

FAULTS: tuple[Fault, ...] = (
    Fault("every column", ROTATED, "rope-partial", rope(partial_rotary_factor=1.0)),
    Fault(
        "no bias of the norm",
        NORM,
        "bias",
        weights=each(zeroed, "layernorm.bias"),
    ),
    Fault("tanh for erf", ACTIVATED, "activation", config(hidden_act="gelu_new")),
    Fault(
        "q | k | v whole",
        QKV,
        "qkv-split",
        rules=instead(SplitGroupedQKV, lambda config: SplitQKV(**config.heads)),
    ),
)
