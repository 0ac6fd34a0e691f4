# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere's config: whether q and k are normalised, and the factor on the logits."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class CohereConfig(DecoderConfig):
    """Adds the norms of heads.

    Attributes:
        use_qk_norm: Whether q and k are normalised, head by head.
        logit_scale: Factor on the logits.
    """

    NORM_EPS = "layer_norm_eps"
    IGNORED = dict.fromkeys(
        ("model_max_length", "pretraining_tp"), "in released files; the reference does not read it"
    )

    use_qk_norm: bool
    logit_scale: float
