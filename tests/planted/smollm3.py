# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Faults planted in SmolLM3."""

from __future__ import annotations

import numpy as np

from common.adapters import CanonicalRope, Rename
from common.declaration import Fixture
from common.layers import ParallelTwoNormBlock, attention
from common.layers.step import Step

from .kinds import (
    ACTIVATED,
    ATTN,
    CONTEXT,
    CONTEXT_1,
    LOGITS,
    MIDDLE,
    MLP,
    NORM,
    QKV,
    ROTATED,
    ROTATED_1,
    CappedHead,
    Fault,
    HalvedBlock,
    SkippedNorm,
    attention_given,
    capped,
    config,
    each,
    embedding_head,
    exchange,
    further,
    interleaved,
    late,
    negated_rows,
    other_softmax,
    part,
    patched,
    rope,
    rope_parameters,
    rounded,
    sunk,
    turned_heads,
    zeroed,
)

FIXTURE = Fixture(
    "hunt",
    {
        "num_hidden_layers": 2,
        "tie_word_embeddings": False,
        "attention_bias": True,
        "mlp_bias": True,
        "use_sliding_window": True,
        "sliding_window": 16,
        "no_rope_layers": [1, 0],
        "rms_norm_eps": 1e-3,
        "rope_parameters": rope_parameters(777.0),
    },
)

FAULTS: tuple[Fault, ...] = (
    Fault("another theta", ROTATED, "rope-theta", rope(rope_theta=10000.0)),
    Fault("NoPE forgotten", ROTATED_1, "rope-layers", config(rotates=(True, True))),
    Fault(
        "halves as interleaved",
        ROTATED,
        "rope-layout",
        rules=further(lambda config: CanonicalRope(rope=config.rope, interleaved=True)),
    ),
    Fault(
        "rows of q interleaved",
        QKV,
        "rope-layout",
        weights=each(interleaved, "layers.0.self_attn.q_proj.weight"),
    ),
    Fault("scores unscaled", CONTEXT, "attention-scale", attention_given(scale=1.0)),
    Fault("window short by one", CONTEXT_1, "window", config(windows=(None, 15))),
    Fault("scores capped", CONTEXT, "attention-softcap", other_softmax(capped)),
    Fault("a sink", CONTEXT, "sinks", other_softmax(sunk)),
    Fault("q rounded", CONTEXT, "rounding", patched(attention, "attend", rounded)),
    Fault(
        "decode a position late",
        ROTATED,
        "cache-position",
        patched(Step, "__init__", late),
        decode=True,
    ),
    Fault("1 + weight", NORM, "norm-kind", part("norm_layer", lambda d: d.rms_norm(offset=1.0))),
    Fault("epsilon", NORM, "norm-eps", config(norm_eps=1e-6)),
    Fault(
        "norms exchanged",
        NORM,
        "norm-place",
        weights=exchange(
            "layers.0.input_layernorm.weight", "layers.0.post_attention_layernorm.weight"
        ),
    ),
    Fault(
        "no final norm",
        ("norm",),
        "final-norm",
        part("final_norm", lambda d: SkippedNorm(d.norm_layer())),
    ),
    Fault(
        "gate and up exchanged",
        ACTIVATED,
        "gate-up",
        rules=further(
            lambda config: Rename(r"(.*\.)gate_proj(\..*)", r"\1other\2"),
            lambda config: Rename(r"(.*\.)up_proj(\..*)", r"\1gate_proj\2"),
            lambda config: Rename(r"(.*\.)other(\..*)", r"\1up_proj\2"),
        ),
    ),
    Fault("attention halved", MIDDLE, "residual-scale", part("wiring", lambda d: HalvedBlock)),
    Fault(
        "parallel for sequential",
        ("layers.0.post_attention_layernorm",),
        "residual-wiring",
        part("wiring", lambda d: ParallelTwoNormBlock),
    ),
    Fault(
        "vocabulary off by one",
        ("embed_tokens",),
        "vocabulary",
        weights=each(lambda weight: np.roll(weight, 1, axis=0), "embed_tokens.weight"),
    ),
    Fault("tied by mistake", LOGITS, "tied-head", weights=embedding_head),
    Fault(
        "logits capped",
        LOGITS,
        "logit-softcap",
        part("head", lambda d: CappedHead(d.config, d.embed_tokens)),
    ),
    Fault(
        "no bias of q, k, v",
        QKV,
        "bias",
        weights=each(zeroed, *(f"layers.0.self_attn.{p}_proj.bias" for p in "qkv")),
    ),
    Fault(
        "no bias of the MLP",
        (f"{MLP}.down_proj",),
        "bias",
        weights=each(zeroed, "layers.0.mlp.down_proj.bias"),
    ),
    Fault(
        "heads of v turned",
        QKV[2:],
        "head-groups",
        weights=each(turned_heads, f"{QKV[2]}.weight"),
    ),
    Fault(
        "of another layer",
        (f"{MLP}.down_proj",),
        "weight-exchanged",
        weights=exchange(f"{MLP}.down_proj.weight", "layers.1.mlp.down_proj.weight"),
    ),
    Fault(
        "four rows negated",
        (f"{ATTN}.o_proj",),
        "weight-damaged",
        weights=each(negated_rows, f"{ATTN}.o_proj.weight"),
    ),
)
