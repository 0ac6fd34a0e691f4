# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How StarCoder2 differs, and the checkpoints that show it."""

from common.testing.declare import Delta, Fixture, Port, WithConfig, rope
from common.testing.witnesses import layer_norms, off, without

BIASED = ("tied_window_16", "untied_window_128")
RELEASED = {"mlp_type": "default", "norm_type": "layer_norm", "rms_norm_eps": 0.5}


PORT = Port(
    model_type="starcoder2",
    class_name="Starcoder2ForCausalLM",
    fixtures=(
        Fixture(
            BIASED[0],
            {"sliding_window": 16, "num_key_value_heads": 1, "norm_epsilon": 1e-3, **rope(777.0)},
            # What was the default is not in released files.
            {**RELEASED, "tie_word_embeddings": None},
        ),
        Fixture(
            BIASED[1],
            {"sliding_window": 128, "tie_word_embeddings": False, **rope(999999.4420358813)},
            RELEASED,
        ),
        Fixture(
            "unbiased_full",
            {"use_bias": False, "head_dim": 64, "hidden_act": "gelu", "tie_word_embeddings": False},
            {**RELEASED, "sliding_window": None},
        ),
    ),
    deltas=(
        Delta(
            "sliding window on every layer",
            "modeling_starcoder2.py:375",
            WithConfig({"sliding_window": None}),
            BIASED,
        ),
        Delta(
            "attention biases",
            "modeling_starcoder2.py:153",
            without("q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias"),
            BIASED,
        ),
        Delta("MLP biases", "modeling_starcoder2.py:57", without("fc.bias", "c_proj.bias"), BIASED),
        *layer_norms("modeling_starcoder2.py:211", "layernorm.bias", "norm.bias"),
        Delta("MLP with GELU", "modeling_starcoder2.py:59", WithConfig({"hidden_act": "relu"})),
        Delta("tied head", "modeling_starcoder2.py:411", off("tie_word_embeddings"), BIASED[:1]),
    ),
)
