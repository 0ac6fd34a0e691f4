# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How StarCoder2 differs, and the checkpoints that show it."""

from common.declaration import Delta, Fixture, Port, deltas, rope
from common.declaration.attentions import KERNEL_WINDOW, MULTI_QUERY, PLAIN_WINDOW

BIASED = ("tied_window_16", "untied_window_128")
RELEASED = {"mlp_type": "default", "norm_type": "layer_norm", "rms_norm_eps": 0.5}

PORT = Port(
    model_type="starcoder2",
    class_name="Starcoder2ForCausalLM",
    fixtures=(
        Fixture(
            BIASED[0],
            {"sliding_window": PLAIN_WINDOW, **rope(777.0)},
            # What was the default is not in released files.
            {**RELEASED, "tie_word_embeddings": None},
        ),
        Fixture(
            BIASED[1],
            {
                "sliding_window": KERNEL_WINDOW,
                "tie_word_embeddings": False,
                **rope(999999.4420358813),
            },
            RELEASED,
        ),
        Fixture(
            "unbiased_full",
            {"use_bias": False, "head_dim": 64, "hidden_act": "gelu", "tie_word_embeddings": False},
            {**RELEASED, "sliding_window": None},
            attention=MULTI_QUERY,
        ),
    ),
    deltas=(
        Delta(
            "sliding window on every layer",
            "Starcoder2Model.forward, Starcoder2Attention.forward",
            {"sliding_window": None},
            BIASED,
        ),
        deltas.ATTENTION_BIASES,
        deltas.MLP_BIASES,
        *deltas.LAYER_NORM,
        Delta("MLP with GELU", "Starcoder2MLP.forward", {"hidden_act": "relu"}),
        deltas.TIED_HEAD,
    ),
)
