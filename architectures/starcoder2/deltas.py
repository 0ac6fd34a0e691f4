# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How StarCoder2 differs, and the checkpoints that show it."""

from common.testing.declare import Delta, Fixture, Port, WithConfig
from common.testing.witnesses import UNTIED, layer_norms, without

BIASED = ("tied_window_16", "untied_window_128")
RELEASED = {"mlp_type": "default", "norm_type": "layer_norm", "rms_norm_eps": 0.5}


def _rope(theta: float) -> dict[str, dict[str, float | str]]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


PORT = Port(
    model_type="starcoder2",
    class_name="Starcoder2ForCausalLM",
    fixtures=(
        Fixture(
            BIASED[0],
            {"sliding_window": 16, "num_key_value_heads": 1, "norm_epsilon": 1e-3, **_rope(777.0)},
            # What was the default is not in released files.
            {**RELEASED, "tie_word_embeddings": None},
        ),
        Fixture(
            BIASED[1],
            {"sliding_window": 128, "tie_word_embeddings": False, **_rope(999999.4420358813)},
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
        Delta("tied head", "modeling_starcoder2.py:411", UNTIED, BIASED[:1]),
    ),
)
