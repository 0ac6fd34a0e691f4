# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Phi differs, and the checkpoints that show it."""

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, rope
from common.testing.witnesses import layer_norms, off, sequential, without

MULTI_QUERY, NORMED = "multi_query_head_dim_80", "tied_with_norms_of_heads"


PORT = Port(
    model_type="phi",
    class_name="PhiForCausalLM",
    gguf=GGUF("phi2", cannot_hold=(NORMED,)),
    fixtures=(
        Fixture(
            MULTI_QUERY,
            # Heads of 80 columns, 32 of which rotate, are phi-2's.
            {
                "head_dim": 80,
                "num_key_value_heads": 1,
                "partial_rotary_factor": 0.4,
                **rope(777.0, 0.4),
            },
        ),
        Fixture(
            NORMED,
            {
                "qk_layernorm": True,
                "tie_word_embeddings": True,
                "num_key_value_heads": 4,
                "hidden_act": "gelu",
                "layer_norm_eps": 1e-3,
                **rope(777.0, 0.5),
            },
            dict.fromkeys(("num_key_value_heads", "partial_rotary_factor")),
        ),
    ),
    deltas=(
        Delta("parallel block", "modeling_phi.py:305", WithModules("PhiDecoderLayer", sequential)),
        Delta(
            "partial RoPE on the leading columns",
            "modeling_phi.py:219",
            WithConfig(rope(777.0, 1.0)),
        ),
        *layer_norms("modeling_phi.py:276", "input_layernorm.bias", "final_layernorm.bias"),
        Delta(
            "q, k and v biases",
            "modeling_phi.py:183",
            without("q_proj.bias", "k_proj.bias", "v_proj.bias"),
        ),
        Delta("output bias", "modeling_phi.py:186", without("dense.bias")),
        Delta("MLP biases", "modeling_phi.py:261", without("fc1.bias", "fc2.bias")),
        Delta(
            "two-matrix MLP with GELU", "modeling_phi.py:266", WithConfig({"hidden_act": "relu"})
        ),
        Delta("head's bias", "modeling_phi.py:416", without("lm_head.bias")),
        Delta("tied head", "modeling_phi.py:408", off("tie_word_embeddings"), (NORMED,)),
        Delta("LayerNorm of each head", "modeling_phi.py:212", off("qk_layernorm"), (NORMED,)),
        Delta(
            "biases of the norms of heads",
            "modeling_phi.py:190",
            without("q_layernorm.bias", "k_layernorm.bias"),
            (NORMED,),
        ),
    ),
)
