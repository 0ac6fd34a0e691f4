# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How StableLM differs, and the checkpoints that show it."""

from typing import Any

from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, rope
from common.testing.witnesses import layer_norms, off

SEQUENTIAL, PARALLEL = "sequential_biased_tied", "parallel_with_norms_of_heads"


def _share(norms: Any) -> None:
    for norm in norms.norms:
        norm.weight = norms.norms[0].weight


PORT = Port(
    model_type="stablelm",
    class_name="StableLmForCausalLM",
    also={"StableLMEpochForCausalLM": "stablelm"},
    fixtures=(
        Fixture(
            SEQUENTIAL,
            {
                "use_qkv_bias": True,
                "tie_word_embeddings": True,
                "num_key_value_heads": 1,
                **rope(777.0, 0.25),
            },
            # The flags came later: the first files have none of them.
            dict.fromkeys(("partial_rotary_factor", "use_parallel_residual", "qk_layernorm")),
        ),
        Fixture(
            PARALLEL,
            {
                "use_parallel_residual": True,
                "qk_layernorm": True,
                "layer_norm_eps": 1e-3,
                "partial_rotary_factor": 0.5,
                **rope(777.0, 0.5),
            },
            {"norm_eps": 1e-3, "rope_pct": 0.5},
            "StableLMEpochForCausalLM",
        ),
    ),
    deltas=(
        Delta(
            "partial RoPE on the leading columns",
            "modeling_stablelm.py:298",
            WithConfig(rope(777.0, 1.0)),
        ),
        *layer_norms("modeling_stablelm.py:345", "norm.bias"),
        Delta(
            "one norm for both branches",
            "modeling_stablelm.py:379",
            off("use_parallel_residual"),
            (PARALLEL,),
        ),
        Delta(
            "sequential residual",
            "modeling_stablelm.py:385",
            WithConfig({"use_parallel_residual": True}),
            (SEQUENTIAL,),
        ),
        Delta(
            "LayerNorm of each head", "modeling_stablelm.py:293", off("qk_layernorm"), (PARALLEL,)
        ),
        Delta(
            "a weight for each head",
            "modeling_stablelm.py:180",
            WithModules("StableLmLayerNormPerHead", _share),
            (PARALLEL,),
        ),
        Delta("q, k and v biases", "modeling_stablelm.py:258", off("use_qkv_bias"), (SEQUENTIAL,)),
        Delta("tied head", "modeling_stablelm.py:496", off("tie_word_embeddings"), (SEQUENTIAL,)),
    ),
)
