# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Cohere differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights, rope
from common.testing.witnesses import SPLIT_HALF, off, rms_norm, sequential, split_half_rows

QK_NORMS = ("q_norm.weight", "k_norm.weight")
NORMED, BIASED = "qk_norm_tied", "multi_query_biased_untied"


def _shared(weight: Any) -> Any:
    return weight.mean(0, keepdim=True).expand_as(weight)


def _split_half_columns(weight: Any) -> Any:
    return split_half_rows(weight.flatten()).unflatten(0, weight.shape)


PORT = Port(
    model_type="cohere",
    class_name="CohereForCausalLM",
    gguf=GGUF("command-r", cannot_hold=(BIASED,)),
    fixtures=(
        Fixture(
            NORMED,
            {
                "use_qk_norm": True,
                "logit_scale": 0.25,
                **rope(777.0),
            },
        ),
        Fixture(
            BIASED,
            {
                "head_dim": 64,
                "num_key_value_heads": 1,
                "attention_bias": True,
                "tie_word_embeddings": False,
                "logit_scale": 3.0,
                "layer_norm_eps": 1e-3,
            },
            {"model_max_length": 131072, "pretraining_tp": 1, "use_qk_norm": None},
        ),
    ),
    deltas=(
        Delta(
            "one norm, parallel branches",
            "modeling_cohere.py:355",
            WithModules("CohereDecoderLayer", sequential),
        ),
        Delta("centred norms", "modeling_cohere.py:63", WithModules("CohereLayerNorm", rms_norm)),
        Delta("interleaved RoPE", "modeling_cohere.py:188", SPLIT_HALF, (NORMED,)),
        Delta("QK norms", "modeling_cohere.py:272", off("use_qk_norm"), (NORMED,)),
        Delta(
            "QK norms of interleaved columns",
            "modeling_cohere.py:273",
            WithWeights(QK_NORMS, _split_half_columns),
            (NORMED,),
        ),
        Delta(
            "QK norms by head", "modeling_cohere.py:251", WithWeights(QK_NORMS, _shared), (NORMED,)
        ),
        Delta("logit scale", "modeling_cohere.py:513", WithConfig({"logit_scale": 1.0})),
        Delta("tied head", "modeling_cohere.py:454", off("tie_word_embeddings"), (NORMED,)),
        Delta("attention biases", "modeling_cohere.py:236", off("attention_bias"), (BIASED,)),
    ),
)
