# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How Gemma differs, and the checkpoints that show it."""

from typing import Any

from common.declaration import GGUF, Delta, Fixture, Port, WithWeights, deltas, rope
from common.declaration.attentions import MULTI_HEAD, MULTI_QUERY

TIED, BIASED = "multi_query_tied", "untied_biased_erf"


def _without_one(weight: Any, config: Any) -> Any:
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
            rope(777.0),
            {"use_bidirectional_attention": None, "attention_bias": None},
            attention=MULTI_QUERY,
            hunted=True,
        ),
        Fixture(
            BIASED,
            {"hidden_act": "gelu", "tie_word_embeddings": False, "attention_bias": True},
            {"hidden_activation": "gelu_pytorch_tanh", "use_bidirectional_attention": None},
            attention=MULTI_HEAD,
        ),
    ),
    deltas=(
        Delta(
            "norm weights as their distance from one",
            "GemmaRMSNorm.forward",
            WithWeights(("norm.weight",), _without_one),
        ),
        Delta(
            "embedding times the root of the hidden size",
            "GemmaTextScaledWordEmbedding.forward",
            _unscaled,
        ),
        Delta("GELU gate", "GemmaMLP.__init__", {"hidden_act": "silu"}),
        Delta("scores scaled by the head's own size", "GemmaAttention.__init__", _scaled_by_share),
        deltas.TIED_HEAD,
        deltas.ATTENTION_BIASES,
    ),
)
