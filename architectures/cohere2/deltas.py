# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Cohere2 differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights
from common.testing.witnesses import UNTIED, rms_norm, sequential, split_half_rows


def _rotate(attention: Any) -> None:
    # The reference applies RoPE where this is set; its masks come from elsewhere.
    attention.sliding_window = attention.sliding_window or 1


PORT = Port(
    model_type="cohere2",
    class_name="Cohere2ForCausalLM",
    gguf=GGUF(cannot_hold=("untied_biased_window_16",)),
    fixtures=(
        Fixture(
            "tied_window_128",
            {
                "sliding_window": 128,
                "logit_scale": 0.25,
                "rope_parameters": {"rope_type": "default", "rope_theta": 777.0},
            },
            {"layer_types": None, "sliding_window_pattern": 4},
        ),
        Fixture(
            "untied_biased_window_16",
            {
                "sliding_window": 16,
                "logit_scale": 3.0,
                "attention_bias": True,
                "tie_word_embeddings": False,
                "layer_norm_eps": 1e-3,
                "layer_types": ["sliding_attention", "full_attention"] * 2,
            },
            {"layer_types": None, "sliding_window_pattern": 2},
        ),
    ),
    deltas=(
        Delta(
            "parallel block",
            "modeling_cohere2.py:329",
            WithModules("Cohere2DecoderLayer", sequential),
        ),
        Delta(
            "LayerNorm, centred",
            "modeling_cohere2.py:117",
            WithModules("Cohere2LayerNorm", rms_norm),
        ),
        Delta(
            "interleaved RoPE",
            "modeling_cohere2.py:163",
            WithWeights(("q_proj.weight", "k_proj.weight"), split_half_rows),
        ),
        Delta(
            "full layers have no positions",
            "modeling_cohere2.py:240",
            WithModules("Cohere2Attention", _rotate),
        ),
        Delta("sliding window", "modeling_cohere2.py:209", WithConfig({"sliding_window": 4096})),
        Delta("logit scale", "modeling_cohere2.py:491", WithConfig({"logit_scale": 1.0})),
        Delta("tied head", "modeling_cohere2.py:432", UNTIED, ("tied_window_128",)),
        Delta(
            "attention biases",
            "modeling_cohere2.py:212",
            WithConfig({"attention_bias": False}),
            ("untied_biased_window_16",),
        ),
    ),
)
