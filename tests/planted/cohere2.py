# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Faults planted in Cohere2."""

from __future__ import annotations

from common.adapters import CanonicalRope
from common.declaration import Fixture
from common.layers import Head

from .kinds import ATTN, LOGITS, QKV, ROTATED, Fault, each, exchange, instead, part, rope_parameters

FIXTURE = Fixture(
    "hunt",
    {
        "num_hidden_layers": 2,
        "sliding_window": 16,
        "layer_types": ["sliding_attention", "full_attention"],
        "logit_scale": 0.25,
        "rope_parameters": rope_parameters(777.0),
    },
)

FAULTS: tuple[Fault, ...] = (
    Fault("interleaved as halves", ROTATED, "rope-layout", rules=instead(CanonicalRope)),
    Fault(
        "no logit scale",
        LOGITS,
        "logit-scale",
        part("head", lambda d: Head(d.config, d.embed_tokens)),
    ),
    Fault(
        "k for v",
        QKV,
        "qkv-split",
        weights=exchange(f"{QKV[1]}.weight", f"{QKV[2]}.weight"),
    ),
    Fault(
        "transposed",
        (f"{ATTN}.o_proj",),
        "transposed",
        weights=each(lambda weight: weight.T, f"{ATTN}.o_proj.weight"),
    ),
)
