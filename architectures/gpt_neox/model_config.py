# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GPT-NeoX's config: multi-head attention, and which residual the blocks use."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class GPTNeoXConfig(DecoderConfig):
    """Adds the residual.

    Attributes:
        use_parallel_residual: Whether attention and MLP read the same input.
    """

    NORM_EPS = "layer_norm_eps"
    LEGACY = {"rotary_pct": "rope_parameters", "rotary_emb_base": "rope_parameters"}

    use_parallel_residual: bool
