# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Gemma differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights, rope
from common.testing.witnesses import off

TIED, BIASED = "multi_query_tied", "untied_biased_erf"


def _without_one(weight: Any) -> Any:
    return weight - 1.0


def _unscaled(embedding: Any) -> None:
    embedding.embed_scale.fill_(1.0)


def _scaled_by_share(attention: Any) -> None:
    config = attention.config
    attention.scaling = (config.hidden_size / config.num_attention_heads) ** -0.5


PORT = Port(
    model_type="gemma",
    class_name="GemmaForCausalLM",
    # GemmaModel of llama.cpp adds the one that the reference adds to a norm.
    gguf=GGUF(moved={"norm.weight": lambda w, config: w + 1.0}, atol=2**-23, cannot_hold=(BIASED,)),
    fixtures=(
        Fixture(
            TIED,
            {
                "num_key_value_heads": 1,
                "head_dim": 64,
                **rope(777.0),
            },
            {"use_bidirectional_attention": None, "attention_bias": None},
        ),
        Fixture(
            BIASED,
            {
                "num_key_value_heads": 4,
                "head_dim": 16,
                "hidden_act": "gelu",
                "tie_word_embeddings": False,
                "attention_bias": True,
                "rms_norm_eps": 1e-3,
            },
            {"hidden_activation": "gelu_pytorch_tanh", "use_bidirectional_attention": None},
        ),
    ),
    deltas=(
        Delta(
            "norm weights as their distance from one",
            "modeling_gemma.py:77",
            WithWeights(("norm.weight",), _without_one),
        ),
        Delta(
            "embedding times the root of the hidden size",
            "modeling_gemma.py:61",
            WithModules("GemmaTextScaledWordEmbedding", _unscaled),
        ),
        Delta("GELU gate", "modeling_gemma.py:93", WithConfig({"hidden_act": "silu"})),
        Delta(
            "scores scaled by the head's own size",
            "modeling_gemma.py:245",
            WithModules("GemmaAttention", _scaled_by_share),
        ),
        Delta("tied head", "modeling_gemma.py:452", off("tie_word_embeddings"), (TIED,)),
        Delta("attention biases", "modeling_gemma.py:250", off("attention_bias"), (BIASED,)),
    ),
)
