# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How Mixtral differs, and the checkpoints that show it."""

from common.testing.converters import GGUF, PAIRED_ROWS
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithModules, WithWeights, rope
from common.testing.witnesses import alike, among_all, off, rolled_rows, swapped_gate_up

ROUTER = "MixtralTopKRouter"
TIED = "tied_top_3_of_5_sliding"

PORT = Port(
    model_type="mixtral",
    class_name="MixtralForCausalLM",
    router=ROUTER,
    gguf=GGUF("llama", moved=PAIRED_ROWS),
    fixtures=(
        Fixture(
            "top_2_of_8",
            {
                "num_local_experts": 8,
                "num_experts_per_tok": 2,
                "num_key_value_heads": 1,
                **rope(777.0),
            },
            {"head_dim": None},
        ),
        Fixture(
            TIED,
            {
                "num_local_experts": 5,
                "num_experts_per_tok": 3,
                "tie_word_embeddings": True,
                "head_dim": 64,
                "sliding_window": 16,
                "rms_norm_eps": 1e-3,
            },
            {"router_jitter_noise": None},
        ),
    ),
    deltas=(
        Delta("several experts", "modeling_mixtral.py:113", WithConfig({"num_experts_per_tok": 1})),
        Delta(
            "a router's rows number the experts",
            "modeling_mixtral.py:111",
            WithWeights(("mlp.gate.weight",), rolled_rows),
        ),
        Delta("weighed by probability", "modeling_mixtral.py:112", WithModules(ROUTER, alike)),
        Delta("weights add up to 1", "modeling_mixtral.py:114", WithModules(ROUTER, among_all)),
        Delta(
            "w1 gates w3",
            "modeling_mixtral.py:92",
            WithWeights(("experts.gate_up_proj",), swapped_gate_up),
        ),
        Delta(
            "sliding window",
            "modeling_mixtral.py:467",
            WithConfig({"sliding_window": None}),
            (TIED,),
        ),
        Delta("tied head", "modeling_mixtral.py:582", off("tie_word_embeddings"), (TIED,)),
    ),
)
