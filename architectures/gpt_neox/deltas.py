# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How GPT-NeoX differs, and the checkpoints that show it."""

from typing import Any

from common.declaration import GGUF, Delta, Fixture, Port, WithWeights, deltas, harmless, rope
from common.declaration.witnesses import concatenated_qkv

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
                **{"rotary_emb_base": 777, "rotary_pct": 0.25},
                **dict.fromkeys(("rope_theta", "partial_rotary_factor", "attention_bias")),
            },
        ),
        Fixture(
            SEQUENTIAL,
            {
                **{"use_parallel_residual": False, "tie_word_embeddings": True},
                **{"attention_bias": False, "hidden_act": "gelu_fast"},
                **rope(10000.0, 0.5),
            },
            {
                **{"rotary_emb_base": 10000, "rotary_pct": 0.5},
                **dict.fromkeys(("rope_theta", "partial_rotary_factor")),
            },
        ),
    ),
    harmless=harmless.NO_REPEAT,
    deltas=(
        Delta(
            "fused QKV, interleaved by head",
            "GPTNeoXAttention.forward",
            WithWeights(QKV, concatenated_qkv),
        ),
        deltas.PARTIAL_ROPE,
        Delta(
            "parallel residual with two norms",
            "GPTNeoXLayer.forward",
            {"use_parallel_residual": False},
        ),
        Delta("sequential residual", "GPTNeoXLayer.forward", {"use_parallel_residual": True}),
        *deltas.LAYER_NORM,
        deltas.ATTENTION_BIASES,
        deltas.MLP_BIASES,
        Delta("two-matrix MLP with erf GELU", "GPTNeoXMLP.forward", {"hidden_act": "relu"}),
        deltas.TIED_HEAD,
    ),
)
