# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mixtral's config: the plain decoder's, plus its experts and a window for all layers."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class MixtralConfig(DecoderConfig):
    """Adds the experts.

    Attributes:
        num_local_experts: How many a layer has; ``intermediate_size`` is the width of each.
        num_experts_per_tok: How many of them a token is sent to.
        sliding_window: The sliding window in tokens, or None for full attention.
    """

    REQUIRED = {"attention_bias": False}
    IGNORED = dict.fromkeys(
        ("output_router_logits", "router_aux_loss_coef", "router_jitter_noise"), "training only"
    )

    num_local_experts: int
    num_experts_per_tok: int
    sliding_window: int | None
