# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Deltas that many ports have, each with its witness: a port names them in one word.

They hold for any class of transformers that follows the usual names; a port whose reference
does not declares its own.
"""

from __future__ import annotations

from .port import Delta
from .witnesses import WithModules, WithRope, WithWeights, rms_norm, split_half_rows, unbiased

_LAYER = "*DecoderLayer.__init__|*Block.__init__|*Layer.__init__"

#: The head is the embedding.
TIED_HEAD = Delta(
    "tied head",
    "*ForCausalLM._tied_weights_keys|*LMHeadModel._tied_weights_keys",
    {"tie_word_embeddings": False},
)
#: Biases of the projections of attention, as many as there are.
ATTENTION_BIASES = Delta("attention biases", "*Attention.__init__", unbiased)
#: Biases of the MLP's projections.
MLP_BIASES = Delta("MLP biases", "*MLP.__init__", unbiased)
#: Only the leading columns of a head rotate.
PARTIAL_ROPE = Delta(
    "partial RoPE on the leading columns",
    "*RotaryEmbedding.compute_default_rope_parameters, apply_rotary_pos_emb?",
    WithRope({"partial_rotary_factor": 1.0}),
)
#: Neighbouring columns of a head rotate as a pair.
INTERLEAVED_ROPE = Delta(
    "interleaved RoPE",
    "rotate_half, apply_rotary_pos_emb?, *RotaryEmbedding.forward?",
    WithWeights(("q_proj.weight", "k_proj.weight"), split_half_rows),
)
#: The norms are torch's LayerNorm: they centre, and have biases.
LAYER_NORM = (
    Delta("LayerNorm, centred", _LAYER, WithModules("*LayerNorm", rms_norm)),
    Delta("LayerNorm biases", _LAYER, WithModules("*LayerNorm", unbiased)),
)
