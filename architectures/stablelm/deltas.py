# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How StableLM differs, and the checkpoints that show it."""

from typing import Any

from common.declaration import Delta, Fixture, Port, deltas, rope
from common.declaration.attentions import MULTI_QUERY

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
                **{"use_qkv_bias": True, "tie_word_embeddings": True, **rope(777.0, 0.25)},
                # Its heads have no size of their own.
                "hidden_size": 256,
            },
            # The flags came later: the first files have none of them.
            dict.fromkeys(("partial_rotary_factor", "use_parallel_residual", "qk_layernorm")),
            attention=MULTI_QUERY,
        ),
        Fixture(
            PARALLEL,
            {
                **{"use_parallel_residual": True, "qk_layernorm": True},
                **{"partial_rotary_factor": 0.5, **rope(777.0, 0.5)},
            },
            {"norm_eps": 1e-3, "rope_pct": 0.5},
            "StableLMEpochForCausalLM",
            hunted=True,
        ),
    ),
    deltas=(
        deltas.PARTIAL_ROPE,
        *deltas.LAYER_NORM,
        Delta(
            "one norm for both branches",
            "StableLmDecoderLayer.forward",
            {"use_parallel_residual": False},
        ),
        Delta(
            "sequential residual", "StableLmDecoderLayer.forward", {"use_parallel_residual": True}
        ),
        Delta("LayerNorm of each head", "StableLmAttention.forward", {"qk_layernorm": False}),
        Delta(
            "a weight for each head",
            "StableLmLayerNormPerHead.__init__, StableLmLayerNormPerHead.forward",
            _share,
            (PARALLEL,),
        ),
        # Never on the output.
        deltas.ATTENTION_BIASES,
        deltas.TIED_HEAD,
    ),
)
