# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How GLM and GLM-4 differ, and the checkpoints that show it."""

from typing import Any

from common.declaration import GGUF, Delta, Fixture, Port, WithWeights, deltas, rope
from common.declaration.attentions import MULTI_QUERY
from common.declaration.witnesses import swapped_gate_up

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
            {"hidden_size": 96, **rope(10000.0, 0.5)},
            # The first releases leave the share of columns to the library.
            dict.fromkeys(("bos_token_id", "partial_rotary_factor")),
        ),
        Fixture(
            TIED,
            {"attention_bias": False, "tie_word_embeddings": True, **rope(777.0, 0.25)},
            class_name="Glm4ForCausalLM",
            attention=MULTI_QUERY,
            hunted=True,
        ),
    ),
    deltas=(
        deltas.INTERLEAVED_ROPE,
        deltas.PARTIAL_ROPE,
        # Never on the output.
        deltas.ATTENTION_BIASES,
        Delta(
            "fused gate and up",
            "*MLP.forward",
            WithWeights(("gate_up_proj.weight",), swapped_gate_up),
        ),
        Delta("norms after attention and MLP", "Glm4DecoderLayer.forward", _unsandwiched, (TIED,)),
        deltas.TIED_HEAD,
    ),
)
