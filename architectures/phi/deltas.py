# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How Phi differs, and the checkpoints that show it."""

from common.declaration import GGUF, Delta, Fixture, Port, deltas, rope, without
from common.declaration.attentions import MULTI_HEAD, MULTI_QUERY
from common.declaration.witnesses import sequential

WIDE, NORMED = "multi_query_head_dim_80", "tied_with_norms_of_heads"

PORT = Port(
    model_type="phi",
    class_name="PhiForCausalLM",
    gguf=GGUF("phi2", cannot_hold=(NORMED,)),
    fixtures=(
        Fixture(
            WIDE,
            # Heads of 80 columns, 32 of which rotate, are phi-2's.
            {"head_dim": 80, "partial_rotary_factor": 0.4, **rope(777.0, 0.4)},
            attention=MULTI_QUERY,
        ),
        Fixture(
            NORMED,
            {
                **{"qk_layernorm": True, "tie_word_embeddings": True, "hidden_act": "gelu"},
                **rope(777.0, 0.5),
            },
            dict.fromkeys(("num_key_value_heads", "partial_rotary_factor")),
            attention=MULTI_HEAD,
            hunted=True,
        ),
    ),
    deltas=(
        Delta("parallel block", "PhiDecoderLayer.forward", sequential),
        deltas.PARTIAL_ROPE,
        *deltas.LAYER_NORM,
        deltas.ATTENTION_BIASES,
        Delta("output bias", "PhiAttention.__init__", without("dense.bias")),
        deltas.MLP_BIASES,
        Delta("two-matrix MLP with GELU", "PhiMLP.forward", {"hidden_act": "relu"}),
        Delta("head's bias", "PhiForCausalLM.__init__", without("lm_head.bias")),
        deltas.TIED_HEAD,
        Delta("LayerNorm of each head", "PhiAttention.forward", {"qk_layernorm": False}),
        Delta(
            "biases of the norms of heads",
            "PhiAttention.__init__",
            without("q_layernorm.bias", "k_layernorm.bias"),
            (NORMED,),
        ),
    ),
)
