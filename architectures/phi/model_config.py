# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Phi's config: whether q and k are normalised."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class PhiConfig(DecoderConfig):
    """Adds the norms of heads.

    Attributes:
        qk_layernorm: Whether q and k are normalised, head by head.
    """

    NORM_EPS = "layer_norm_eps"
    ATTENTION_BIAS = True

    qk_layernorm: bool
