# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableLM's config: which residual the blocks use, and whether q and k are normalised."""

from dataclasses import dataclass
from typing import Any

from common.config import ConfigKeys, DecoderConfig


@dataclass(kw_only=True)
class StableLmConfig(DecoderConfig):
    """Adds the residual and the norms of heads.

    Attributes:
        use_parallel_residual: Whether attention and MLP read the same norm's output.
        qk_layernorm: Whether q and k are normalised, with a weight for each head.
    """

    KEYS = {"norm_eps": "layer_norm_eps", "attention_bias": "use_qkv_bias"}
    REQUIRED = {"output_bias": False}

    use_parallel_residual: bool
    qk_layernorm: bool

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        fields = super().read(keys)
        # Spellings from before transformers had the class. It does not read them, so a file that
        # has only these means its defaults, or something else than would be served.
        keys.require("norm_eps", keys[cls.key_of("norm_eps")])
        keys.require("rope_pct", fields["rope_parameters"].partial_rotary_factor)
        return fields
