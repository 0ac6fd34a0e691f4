# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How GLM and GLM-4 differ, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights, rope
from common.testing.witnesses import SPLIT_HALF, off, swapped_gate_up

BIASED, TIED = "glm_biased", "glm4_tied_multi_query"


def _unsandwiched(layer: Any) -> None:
    """Makes the norms after attention and MLP pass what they get."""
    layer.post_self_attn_layernorm.forward = lambda x: x
    layer.post_mlp_layernorm.forward = lambda x: x


PORT = Port(
    model_type="glm",
    class_name="GlmForCausalLM",
    also={"Glm4ForCausalLM": "glm4"},
    gguf=GGUF("chatglm"),
    fixtures=(
        Fixture(
            BIASED,
            {"hidden_size": 96, "head_dim": 32, **rope(10000.0, 0.5)},
            # The first releases leave the share of columns to the library.
            {"bos_token_id": None},
        ),
        Fixture(
            TIED,
            {
                "attention_bias": False,
                "tie_word_embeddings": True,
                "num_key_value_heads": 1,
                "head_dim": 64,
                "rms_norm_eps": 1e-3,
                **rope(777.0, 0.25),
            },
            {"partial_rotary_factor": 0.25},
            "Glm4ForCausalLM",
        ),
    ),
    deltas=(
        Delta("interleaved RoPE", "modeling_glm.py:171", SPLIT_HALF),
        Delta(
            "partial RoPE on the leading columns",
            "modeling_glm.py:202",
            WithConfig(rope(10000.0, 1.0)),
            (BIASED,),
        ),
        Delta("biases on q, k and v", "modeling_glm.py:230", off("attention_bias"), (BIASED,)),
        Delta(
            "fused gate and up",
            "modeling_glm.py:59",
            WithWeights(("gate_up_proj.weight",), swapped_gate_up),
        ),
        Delta(
            "norms after attention and MLP",
            "modeling_glm4.py:102",
            WithModules("Glm4DecoderLayer", _unsandwiched),
            (TIED,),
        ),
        Delta("tied head", "modeling_glm.py:440", off("tie_word_embeddings"), (TIED,)),
    ),
)
