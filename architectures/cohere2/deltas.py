# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Cohere2 differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, rope
from common.testing.witnesses import SPLIT_HALF, off, rms_norm, sequential

TIED, BIASED = "tied_window_128", "untied_biased_window_16"


def _rotate(attention: Any) -> None:
    # The reference applies RoPE where this is set; its masks come from elsewhere.
    attention.sliding_window = attention.sliding_window or 1


PORT = Port(
    model_type="cohere2",
    class_name="Cohere2ForCausalLM",
    gguf=GGUF(cannot_hold=(BIASED,)),
    fixtures=(
        Fixture(
            TIED,
            {"sliding_window": 128, "logit_scale": 0.25, **rope(777.0)},
            {"layer_types": None, "sliding_window_pattern": 4},
        ),
        Fixture(
            BIASED,
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
        Delta("interleaved RoPE", "modeling_cohere2.py:163", SPLIT_HALF),
        Delta(
            "full layers have no positions",
            "modeling_cohere2.py:240",
            WithModules("Cohere2Attention", _rotate),
        ),
        Delta("sliding window", "modeling_cohere2.py:209", WithConfig({"sliding_window": 4096})),
        Delta("logit scale", "modeling_cohere2.py:491", WithConfig({"logit_scale": 1.0})),
        Delta("tied head", "modeling_cohere2.py:432", off("tie_word_embeddings"), (TIED,)),
        Delta("attention biases", "modeling_cohere2.py:212", off("attention_bias"), (BIASED,)),
    ),
)
