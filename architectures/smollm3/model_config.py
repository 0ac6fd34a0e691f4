# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SmolLM3's config: the plain decoder's, plus which layers rotate and which slide."""

from dataclasses import dataclass
from typing import Any

from common.config import ConfigKeys, WindowedConfig, not_read


@dataclass(kw_only=True)
class SmolLM3Config(WindowedConfig):
    """Adds the per-layer switch of RoPE.

    Attributes:
        rotates: Per layer, whether it applies RoPE.
        mlp_bias: Whether the MLP's projections have biases.
    """

    IGNORED = {
        "no_rope_layer_interval": "transformers expands it into no_rope_layers",
        **not_read("max_window_layers", "pretraining_tp"),
    }

    rotates: tuple[bool, ...]
    mlp_bias: bool

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        fields = super().read(keys)
        if not keys["use_sliding_window"]:
            fields["windows"] = (None,) * len(fields["windows"])
        # The name says the opposite: 1 means that the layer rotates.
        return fields | dict(rotates=tuple(map(bool, keys["no_rope_layers"])))
