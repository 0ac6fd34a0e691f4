# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How GLM and GLM-4 differ, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights
from common.testing.witnesses import split_half_rows, swapped_gate_up


def _rope(theta: float, factor: float) -> dict[str, float | str]:
    return {"rope_type": "default", "rope_theta": theta, "partial_rotary_factor": factor}


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
            "glm_biased",
            {"hidden_size": 96, "head_dim": 32, "rope_parameters": _rope(10000.0, 0.5)},
            # The first releases leave the share of columns to the library.
            {"bos_token_id": None},
        ),
        Fixture(
            "glm4_tied_multi_query",
            {
                "attention_bias": False,
                "tie_word_embeddings": True,
                "num_key_value_heads": 1,
                "head_dim": 64,
                "rms_norm_eps": 1e-3,
                "rope_parameters": _rope(777.0, 0.25),
            },
            {"partial_rotary_factor": 0.25},
            "Glm4ForCausalLM",
        ),
    ),
    deltas=(
        Delta(
            "interleaved RoPE",
            "modeling_glm.py:171",
            WithWeights(("q_proj.weight", "k_proj.weight"), split_half_rows),
        ),
        Delta(
            "partial RoPE on the leading columns",
            "modeling_glm.py:202",
            WithConfig({"rope_parameters": _rope(10000.0, 1.0)}),
            ("glm_biased",),
        ),
        Delta(
            "biases on q, k and v",
            "modeling_glm.py:230",
            WithConfig({"attention_bias": False}),
            ("glm_biased",),
        ),
        Delta(
            "fused gate and up",
            "modeling_glm.py:59",
            WithWeights(("gate_up_proj.weight",), swapped_gate_up),
        ),
        Delta(
            "norms after attention and MLP",
            "modeling_glm4.py:102",
            WithModules("Glm4DecoderLayer", _unsandwiched),
            ("glm4_tied_multi_query",),
        ),
        Delta(
            "tied head",
            "modeling_glm.py:440",
            WithConfig({"tie_word_embeddings": False}),
            ("glm4_tied_multi_query",),
        ),
    ),
)
