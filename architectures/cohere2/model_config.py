# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere2's config: layer kinds, their window, and the factor on the logits."""

from dataclasses import dataclass
from typing import Any

from common.config import ConfigKeys, DecoderConfig, layer_windows


@dataclass(kw_only=True)
class Cohere2Config(DecoderConfig):
    """Adds the layer kinds.

    Attributes:
        windows: Per layer, the sliding window in tokens, or None for full attention.
        logit_scale: Factor on the logits.
    """

    NORM_EPS = "layer_norm_eps"
    REQUIRED = {"use_qk_norm": False}
    IGNORED = dict.fromkeys(
        (
            *("cache_implementation", "layer_switch", "order_of_interleaved_layers", "rotary_pct"),
            *("position_embedding_type", "use_embedding_sharing", "use_gated_activation"),
            *("use_parallel_block", "use_parallel_embedding"),
        ),
        "in released files; the reference does not read it",
    )
    LEGACY = {"sliding_window_pattern": "layer_types"}

    windows: tuple[int | None, ...]
    logit_scale: float

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        return super().read(keys) | dict(
            windows=layer_windows(keys["layer_types"], keys.get("sliding_window"))
        )
