# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-2's config: learned positions, and two factors on the attention scores."""

from dataclasses import dataclass

from common.config import LearnedPositionsConfig, not_read


@dataclass(kw_only=True)
class GPT2Config(LearnedPositionsConfig):
    """Adds the factors.

    Attributes:
        scale_attn_weights: Whether scores are divided by √head_dim.
        scale_attn_by_inverse_layer_idx: Whether they are divided by the layer's number, from 1.
    """

    KEYS = {
        "norm_eps": "layer_norm_epsilon",
        "hidden_act": "activation_function",
        "intermediate_size": "n_inner",
    }
    REQUIRED = {"attention_bias": True, "rope_parameters": None, "add_cross_attention": False}
    IGNORED = {
        "reorder_and_upcast_attn": "for scores in float32, which they are here in any case",
        **not_read("n_ctx", "n_special", "output_past", "predict_special_tokens"),
    }

    scale_attn_weights: bool
    scale_attn_by_inverse_layer_idx: bool
