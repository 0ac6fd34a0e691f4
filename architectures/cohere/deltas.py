# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Cohere differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights
from common.testing.witnesses import rms_norm, sequential, split_half_rows

QK_NORMS = ("q_norm.weight", "k_norm.weight")
NORMED, BIASED = ("qk_norm_tied",), ("multi_query_biased_untied",)


def _shared(weight: Any) -> Any:
    return weight.mean(0, keepdim=True).expand_as(weight)


def _split_half_columns(weight: Any) -> Any:
    return split_half_rows(weight.flatten()).unflatten(0, weight.shape)


PORT = Port(
    model_type="cohere",
    class_name="CohereForCausalLM",
    gguf=GGUF("command-r", cannot_hold=BIASED),
    fixtures=(
        Fixture(
            "qk_norm_tied",
            {
                "use_qk_norm": True,
                "logit_scale": 0.25,
                "rope_parameters": {"rope_type": "default", "rope_theta": 777.0},
            },
        ),
        Fixture(
            "multi_query_biased_untied",
            {
                "head_dim": 64,
                "num_key_value_heads": 1,
                "attention_bias": True,
                "tie_word_embeddings": False,
                "logit_scale": 3.0,
                "layer_norm_eps": 1e-3,
            },
            {"model_max_length": 131072, "pretraining_tp": 1, "use_qk_norm": None},
        ),
    ),
    deltas=(
        Delta(
            "one norm, parallel branches",
            "modeling_cohere.py:355",
            WithModules("CohereDecoderLayer", sequential),
        ),
        Delta("centred norms", "modeling_cohere.py:63", WithModules("CohereLayerNorm", rms_norm)),
        Delta(
            "interleaved RoPE",
            "modeling_cohere.py:188",
            WithWeights(("q_proj.weight", "k_proj.weight"), split_half_rows),
            NORMED,
        ),
        Delta("QK norms", "modeling_cohere.py:272", WithConfig({"use_qk_norm": False}), NORMED),
        Delta(
            "QK norms of interleaved columns",
            "modeling_cohere.py:273",
            WithWeights(QK_NORMS, _split_half_columns),
            NORMED,
        ),
        Delta("QK norms by head", "modeling_cohere.py:251", WithWeights(QK_NORMS, _shared), NORMED),
        Delta("logit scale", "modeling_cohere.py:513", WithConfig({"logit_scale": 1.0})),
        Delta(
            "tied head",
            "modeling_cohere.py:454",
            WithConfig({"tie_word_embeddings": False}),
            NORMED,
        ),
        Delta(
            "attention biases",
            "modeling_cohere.py:236",
            WithConfig({"attention_bias": False}),
            BIASED,
        ),
    ),
)
