# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere2's config: layer kinds, their window, and the factor on the logits."""

from dataclasses import dataclass

from common.config import WindowedConfig, not_read


@dataclass(kw_only=True)
class Cohere2Config(WindowedConfig):
    """Adds the factor.

    Attributes:
        logit_scale: Factor on the logits.
    """

    KEYS = {"norm_eps": "layer_norm_eps"}
    REQUIRED = {"use_qk_norm": False}
    IGNORED = not_read(
        *("cache_implementation", "layer_switch", "order_of_interleaved_layers", "rotary_pct"),
        *("position_embedding_type", "use_embedding_sharing", "use_gated_activation"),
        *("use_parallel_block", "use_parallel_embedding"),
    )
    LEGACY = {"sliding_window_pattern": "layer_types"}

    logit_scale: float
