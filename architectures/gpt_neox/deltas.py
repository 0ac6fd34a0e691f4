# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How GPT-NeoX differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithWeights, rope
from common.testing.witnesses import concatenated_qkv, layer_norms, off, without

PARALLEL, SEQUENTIAL = "parallel", "sequential_tied_unbiased"
QKV = ("query_key_value.weight", "query_key_value.bias")


def _concatenated(rows: Any, config: Any) -> Any:
    # GPTNeoXModel of llama.cpp brings q, k and v of all heads together.
    heads = rows.reshape(config.num_attention_heads, 3, -1, *rows.shape[1:])
    return heads.swapaxes(0, 1).reshape(rows.shape)


PORT = Port(
    model_type="gpt_neox",
    class_name="GPTNeoXForCausalLM",
    gguf=GGUF("gptneox", moved=dict.fromkeys(QKV, _concatenated)),
    fixtures=(
        Fixture(
            PARALLEL,
            rope(777.0, 0.25),
            {
                "rope_theta": None,
                "rotary_emb_base": 777,
                "rotary_pct": 0.25,
                "attention_bias": None,
            },
        ),
        Fixture(
            SEQUENTIAL,
            {
                "use_parallel_residual": False,
                "tie_word_embeddings": True,
                "attention_bias": False,
                "hidden_act": "gelu_fast",
                "layer_norm_eps": 1e-3,
                **rope(10000.0, 0.5),
            },
            {"rope_theta": None, "rotary_emb_base": 10000, "rotary_pct": 0.5},
        ),
    ),
    deltas=(
        Delta(
            "fused QKV, interleaved by head",
            "modeling_gpt_neox.py:214",
            WithWeights(QKV, concatenated_qkv),
        ),
        Delta(
            "partial RoPE on the leading columns",
            "modeling_gpt_neox.py:148",
            WithConfig(rope(10000.0, 1.0)),
        ),
        Delta(
            "parallel residual with two norms",
            "modeling_gpt_neox.py:279",
            off("use_parallel_residual"),
            (PARALLEL,),
        ),
        Delta(
            "sequential residual",
            "modeling_gpt_neox.py:284",
            WithConfig({"use_parallel_residual": True}),
            (SEQUENTIAL,),
        ),
        *layer_norms("modeling_gpt_neox.py:251", "layernorm.bias", "layer_norm.bias"),
        Delta("attention biases", "modeling_gpt_neox.py:200", off("attention_bias"), (PARALLEL,)),
        Delta("MLP biases", "modeling_gpt_neox.py:41", without("4h.bias", "to_h.bias")),
        Delta(
            "two-matrix MLP with erf GELU",
            "modeling_gpt_neox.py:43",
            WithConfig({"hidden_act": "relu"}),
        ),
        Delta("tied head", "modeling_gpt_neox.py:396", off("tie_word_embeddings"), (SEQUENTIAL,)),
    ),
)
