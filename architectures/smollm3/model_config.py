# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""SmolLM3's config: the plain decoder's, plus which layers rotate and which slide."""

from dataclasses import dataclass
from typing import Any

from common.config import ConfigKeys, DecoderConfig, layer_windows


@dataclass(kw_only=True)
class SmolLM3Config(DecoderConfig):
    """Adds the per-layer switches.

    Attributes:
        rotates: Per layer, whether it applies RoPE.
        windows: Per layer, the sliding window in tokens, or None for full attention.
        mlp_bias: Whether the MLP's projections have biases.
    """

    IGNORED = {
        "no_rope_layer_interval": "transformers expands it into no_rope_layers",
        "max_window_layers": "in released files; the reference does not read it",
        "pretraining_tp": "in released files; the reference does not read it",
    }

    rotates: tuple[bool, ...]
    windows: tuple[int | None, ...]
    mlp_bias: bool

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        slides, window = keys["use_sliding_window"], keys.get("sliding_window")
        return super().read(keys) | dict(
            # The name says the opposite: 1 means that the layer rotates.
            rotates=tuple(bool(rotates) for rotates in keys["no_rope_layers"]),
            windows=layer_windows(keys["layer_types"], window if slides else None),
        )
