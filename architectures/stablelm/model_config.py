# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
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

    NORM_EPS = "layer_norm_eps"
    ATTENTION_BIAS = "use_qkv_bias"
    OUTPUT_BIAS = False

    use_parallel_residual: bool
    qk_layernorm: bool

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        fields = super().read(keys)
        # Spellings from before transformers had the class. It does not read them, so a file that
        # has only these means its defaults, or something else than would be served.
        keys.require("norm_eps", fields["norm_eps"])
        keys.require("rope_pct", fields["rope_parameters"].partial_rotary_factor)
        return fields
