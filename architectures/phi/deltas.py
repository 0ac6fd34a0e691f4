# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Phi differs, and the checkpoints that show it."""

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights, off
from common.testing.witnesses import rms_norm, sequential, zero

MULTI_QUERY, NORMED = "multi_query_head_dim_80", "tied_with_norms_of_heads"


def _rope(factor: float) -> dict[str, float | str]:
    return {"rope_type": "default", "rope_theta": 777.0, "partial_rotary_factor": factor}


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
                "rope_parameters": _rope(0.4),
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
                "rope_parameters": _rope(0.5),
            },
            dict.fromkeys(("num_key_value_heads", "partial_rotary_factor")),
        ),
    ),
    deltas=(
        Delta("parallel block", "modeling_phi.py:305", WithModules("PhiDecoderLayer", sequential)),
        Delta(
            "partial RoPE on the leading columns",
            "modeling_phi.py:219",
            WithConfig({"rope_parameters": _rope(1.0)}),
        ),
        Delta("LayerNorm, centred", "modeling_phi.py:276", WithModules("LayerNorm", rms_norm)),
        Delta(
            "LayerNorm biases",
            "modeling_phi.py:276",
            WithWeights(("input_layernorm.bias", "final_layernorm.bias"), zero),
        ),
        Delta(
            "q, k and v biases",
            "modeling_phi.py:183",
            WithWeights(("q_proj.bias", "k_proj.bias", "v_proj.bias"), zero),
        ),
        Delta("output bias", "modeling_phi.py:186", WithWeights(("dense.bias",), zero)),
        Delta("MLP biases", "modeling_phi.py:261", WithWeights(("fc1.bias", "fc2.bias"), zero)),
        Delta(
            "two-matrix MLP with GELU", "modeling_phi.py:266", WithConfig({"hidden_act": "relu"})
        ),
        Delta("head's bias", "modeling_phi.py:416", WithWeights(("lm_head.bias",), zero)),
        Delta("tied head", "modeling_phi.py:408", off("tie_word_embeddings"), (NORMED,)),
        Delta("LayerNorm of each head", "modeling_phi.py:212", off("qk_layernorm"), (NORMED,)),
        Delta(
            "biases of the norms of heads",
            "modeling_phi.py:190",
            WithWeights(("q_layernorm.bias", "k_layernorm.bias"), zero),
            (NORMED,),
        ),
    ),
)
