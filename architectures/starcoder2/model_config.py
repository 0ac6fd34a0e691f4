# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""StarCoder2's config: one switch for all biases, and one window for all layers."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class Starcoder2Config(DecoderConfig):
    """Adds the window.

    Attributes:
        sliding_window: The sliding window of every layer in tokens, or None for full attention.
    """

    NORM_EPS = "norm_epsilon"
    ATTENTION_BIAS = "use_bias"
    IGNORED = dict.fromkeys(
        ("mlp_type", "norm_type", "rms_norm_eps"),
        "in released files; the reference does not read it",
    )

    sliding_window: int | None
