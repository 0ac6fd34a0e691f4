# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Mixtral's config: the plain decoder's, plus its experts and a window for all layers."""

from dataclasses import dataclass
from typing import Any

from common.config import ConfigKeys, DecoderConfig


@dataclass(kw_only=True)
class MixtralConfig(DecoderConfig):
    """Adds the experts.

    Attributes:
        experts: How many a layer has; ``intermediate_size`` is the width of each.
        top_k: How many of them a token is sent to.
        window: The sliding window in tokens, or None for full attention.
    """

    ATTENTION_BIAS = False
    IGNORED = dict.fromkeys(
        ("output_router_logits", "router_aux_loss_coef", "router_jitter_noise"), "training only"
    )

    experts: int
    top_k: int
    window: int | None

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        return super().read(keys) | dict(
            experts=keys["num_local_experts"],
            top_k=keys["num_experts_per_tok"],
            window=keys.get("sliding_window"),
        )
