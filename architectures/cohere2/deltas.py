# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How Cohere2 differs, and the checkpoints that show it."""

from typing import Any

from common.declaration import GGUF, Delta, Fixture, Port, deltas, rope
from common.declaration.attentions import KERNEL_WINDOW, PLAIN_WINDOW
from common.declaration.witnesses import rms_norm, sequential

TIED, BIASED = "tied_window_128", "untied_biased_window_16"
WINDOWED = "Cohere2Model.forward, Cohere2Attention.__init__"


def _rotate(attention: Any) -> None:
    # The reference applies RoPE where this is set; its masks come from elsewhere.
    attention.sliding_window = attention.sliding_window or 1


PORT = Port(
    model_type="cohere2",
    class_name="Cohere2ForCausalLM",
    gguf=GGUF(cannot_hold=(BIASED,)),
    fixtures=(
        Fixture(
            TIED,
            {"sliding_window": KERNEL_WINDOW, "logit_scale": 0.25, **rope(777.0)},
            {"layer_types": None, "sliding_window_pattern": 4},
        ),
        Fixture(
            BIASED,
            {
                **{"sliding_window": PLAIN_WINDOW, "logit_scale": 3.0, "attention_bias": True},
                "layer_types": ["sliding_attention", "full_attention"] * 2,
                "tie_word_embeddings": False,
            },
            {"layer_types": None, "sliding_window_pattern": 2},
        ),
    ),
    deltas=(
        Delta("parallel block", "Cohere2DecoderLayer.forward", sequential),
        Delta("LayerNorm, centred", "Cohere2LayerNorm.forward", rms_norm),
        deltas.INTERLEAVED_ROPE,
        Delta("full layers have no positions", "Cohere2Attention.forward", _rotate),
        Delta("sliding window", WINDOWED, {"sliding_window": 4096}),
        Delta("logit scale", "Cohere2ForCausalLM.forward", {"logit_scale": 1.0}),
        deltas.TIED_HEAD,
        deltas.ATTENTION_BIASES,
    ),
)
