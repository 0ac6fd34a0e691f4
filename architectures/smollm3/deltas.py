# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How SmolLM3 differs, and the checkpoints that show it."""

from common.testing.converters import GGUF, PAIRED_ROWS
from common.testing.declare import Delta, Fixture, Port, WithConfig, rope
from common.testing.witnesses import off

TIED, BIASED = "tied", "untied_biased_sliding"

PORT = Port(
    model_type="smollm3",
    class_name="SmolLM3ForCausalLM",
    gguf=GGUF(moved=PAIRED_ROWS),
    fixtures=(
        Fixture(
            TIED,
            rope(777.0),
            {"layer_types": None, "no_rope_layers": None},
        ),
        Fixture(
            BIASED,
            {
                "tie_word_embeddings": False,
                "attention_bias": True,
                "mlp_bias": True,
                "head_dim": 64,
                "use_sliding_window": True,
                "sliding_window": 16,
                "no_rope_layers": [1, 0, 1, 0],
                "rms_norm_eps": 1e-3,
            },
            {"layer_types": None},
        ),
    ),
    deltas=(
        Delta(
            "NoPE layers", "modeling_smollm3.py:211", WithConfig({"no_rope_layers": [1, 1, 1, 1]})
        ),
        Delta(
            "sliding window on NoPE layers",
            "modeling_smollm3.py:212",
            WithConfig({"layer_types": ["full_attention"] * 4}),
            (BIASED,),
        ),
        Delta("tied head", "modeling_smollm3.py:447", off("tie_word_embeddings"), (TIED,)),
        Delta("attention biases", "modeling_smollm3.py:199", off("attention_bias"), (BIASED,)),
        Delta("MLP biases", "modeling_smollm3.py:288", off("mlp_bias"), (BIASED,)),
    ),
)
