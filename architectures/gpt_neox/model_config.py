# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-NeoX's config: multi-head attention, and which residual the blocks use."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class GPTNeoXConfig(DecoderConfig):
    """Adds the residual.

    Attributes:
        use_parallel_residual: Whether attention and MLP read the same input.
    """

    KEYS = {"norm_eps": "layer_norm_eps"}
    LEGACY = {"rotary_pct": "rope_parameters", "rotary_emb_base": "rope_parameters"}

    use_parallel_residual: bool
