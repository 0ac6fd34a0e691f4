# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GPT-2's config: learned positions, and two factors on the attention scores."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class GPT2Config(DecoderConfig):
    """Adds the positions and the factors.

    Attributes:
        max_position_embeddings: How many are learned; nothing longer can be served.
        scale_attn_weights: Whether scores are divided by √head_dim.
        scale_attn_by_inverse_layer_idx: Whether they are divided by the layer's number, from 1.
    """

    NORM_EPS = "layer_norm_epsilon"
    HIDDEN_ACT = "activation_function"
    INTERMEDIATE_SIZE = "n_inner"
    ATTENTION_BIAS = True
    ROTARY = False
    REQUIRED = {"add_cross_attention": False}
    IGNORED = {
        "reorder_and_upcast_attn": "for scores in float32, which they are here in any case",
        **dict.fromkeys(
            ("n_ctx", "n_special", "output_past", "predict_special_tokens"),
            "in released files; the reference does not read it",
        ),
    }

    max_position_embeddings: int
    scale_attn_weights: bool
    scale_attn_by_inverse_layer_idx: bool
