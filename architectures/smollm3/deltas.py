# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How SmolLM3 differs, and the checkpoints that show it."""

from common.declaration import GGUF, PAIRED_ROWS, Delta, Fixture, Port, deltas, rope
from common.declaration.attentions import PLAIN_WINDOW

TIED, BIASED = "tied", "untied_biased_sliding"

PORT = Port(
    model_type="smollm3",
    class_name="SmolLM3ForCausalLM",
    gguf=GGUF(moved=PAIRED_ROWS),
    fixtures=(
        Fixture(TIED, rope(777.0), {"layer_types": None, "no_rope_layers": None}),
        Fixture(
            BIASED,
            {
                **{"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True},
                **{"hidden_size": 96, "use_sliding_window": True, "sliding_window": PLAIN_WINDOW},
                "no_rope_layers": [1, 0, 1, 0],
            },
            {"layer_types": None},
        ),
    ),
    deltas=(
        Delta("NoPE layers", "SmolLM3Attention.forward", {"no_rope_layers": [1, 1, 1, 1]}),
        Delta(
            "sliding window on NoPE layers",
            "SmolLM3Model.forward, SmolLM3Attention.__init__",
            {"layer_types": ["full_attention"] * 4},
        ),
        deltas.TIED_HEAD,
        deltas.ATTENTION_BIASES,
        deltas.MLP_BIASES,
    ),
)
