# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Phi's config: whether q and k are normalised."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class PhiConfig(DecoderConfig):
    """Adds the norms of heads.

    Attributes:
        qk_layernorm: Whether q and k are normalised, head by head.
    """

    KEYS = {"norm_eps": "layer_norm_eps"}
    REQUIRED = {"attention_bias": True}

    qk_layernorm: bool
