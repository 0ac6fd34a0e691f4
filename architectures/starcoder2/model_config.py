# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StarCoder2's config: one switch for all biases, and one window for all layers."""

from dataclasses import dataclass

from common.config import DecoderConfig, not_read


@dataclass(kw_only=True)
class Starcoder2Config(DecoderConfig):
    """Adds the window.

    Attributes:
        sliding_window: The sliding window of every layer in tokens, or None for full attention.
    """

    KEYS = {"norm_eps": "norm_epsilon", "attention_bias": "use_bias"}
    IGNORED = not_read("mlp_type", "norm_type", "rms_norm_eps")

    sliding_window: int | None
