# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How Mixtral differs, and the checkpoints that show it."""

from common.declaration import GGUF, PAIRED_ROWS, Delta, Fixture, Port, WithWeights, deltas, rope
from common.declaration.attentions import PLAIN_WINDOW
from common.declaration.witnesses import alike, among_all, rolled_rows, swapped_gate_up

ROUTER = "MixtralTopKRouter"
WHOLE, SLIDING = "top_2_of_8", "tied_top_3_of_5_sliding"

PORT = Port(
    model_type="mixtral",
    class_name="MixtralForCausalLM",
    router=ROUTER,
    gguf=GGUF("llama", moved=PAIRED_ROWS),
    fixtures=(
        Fixture(
            WHOLE,
            {"num_local_experts": 8, "num_experts_per_tok": 2, **rope(777.0)},
            {"head_dim": None},
        ),
        Fixture(
            SLIDING,
            {
                **{"num_local_experts": 5, "num_experts_per_tok": 3, "tie_word_embeddings": True},
                **{"hidden_size": 96, "sliding_window": PLAIN_WINDOW},
            },
            {"router_jitter_noise": None},
        ),
    ),
    deltas=(
        Delta("several experts", "MixtralTopKRouter.forward", {"num_experts_per_tok": 1}),
        Delta(
            "a router's rows number the experts",
            "MixtralTopKRouter.forward",
            WithWeights(("mlp.gate.weight",), rolled_rows),
        ),
        Delta("weighed by probability", "MixtralTopKRouter.forward", alike),
        Delta("weights add up to 1", "MixtralTopKRouter.forward", among_all),
        Delta(
            "w1 gates w3",
            "MixtralExperts.forward, MixtralSparseMoeBlock.forward",
            WithWeights(("experts.gate_up_proj",), swapped_gate_up),
        ),
        Delta(
            "sliding window",
            "MixtralModel.forward, MixtralAttention.forward",
            {"sliding_window": None},
        ),
        deltas.TIED_HEAD,
    ),
)
