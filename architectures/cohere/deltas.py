# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How Cohere differs, and the checkpoints that show it."""

from typing import Any

from common.declaration import GGUF, Delta, Fixture, Port, WithWeights, deltas, rope
from common.declaration.attentions import MULTI_QUERY
from common.declaration.witnesses import rms_norm, sequential, split_half_rows

QK_NORMS = ("q_norm.weight", "k_norm.weight")
NORMED, BIASED = "qk_norm_tied", "multi_query_biased_untied"


def _shared(weight: Any, config: Any) -> Any:
    return weight.mean(0, keepdim=True).expand_as(weight)


def _split_half_columns(weight: Any, config: Any) -> Any:
    return split_half_rows(weight.flatten(), config).unflatten(0, weight.shape)


PORT = Port(
    model_type="cohere",
    class_name="CohereForCausalLM",
    gguf=GGUF("command-r", cannot_hold=(BIASED,)),
    fixtures=(
        Fixture(NORMED, {"use_qk_norm": True, "logit_scale": 0.25, **rope(777.0)}, hunted=True),
        Fixture(
            BIASED,
            {"attention_bias": True, "tie_word_embeddings": False, "logit_scale": 3.0},
            {"model_max_length": 131072, "pretraining_tp": 1, "use_qk_norm": None},
            attention=MULTI_QUERY,
        ),
    ),
    deltas=(
        Delta("one norm, parallel branches", "CohereDecoderLayer.forward", sequential),
        Delta("centred norms", "CohereLayerNorm.forward", rms_norm),
        deltas.INTERLEAVED_ROPE,
        Delta("QK norms", "CohereAttention.forward", {"use_qk_norm": False}),
        Delta(
            "QK norms of interleaved columns",
            "CohereAttention.forward",
            WithWeights(QK_NORMS, _split_half_columns),
            (NORMED,),
        ),
        Delta(
            "QK norms by head",
            "CohereAttention.__init__",
            WithWeights(QK_NORMS, _shared),
            (NORMED,),
        ),
        Delta("logit scale", "CohereForCausalLM.forward", {"logit_scale": 1.0}),
        deltas.TIED_HEAD,
        deltas.ATTENTION_BIASES,
    ),
)
