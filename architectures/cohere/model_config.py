# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere's config: whether q and k are normalised, and the factor on the logits."""

from dataclasses import dataclass

from common.config import DecoderConfig, not_read


@dataclass(kw_only=True)
class CohereConfig(DecoderConfig):
    """Adds the norms of heads.

    Attributes:
        use_qk_norm: Whether q and k are normalised, head by head.
        logit_scale: Factor on the logits.
    """

    KEYS = {"norm_eps": "layer_norm_eps"}
    IGNORED = not_read("model_max_length", "pretraining_tp")

    use_qk_norm: bool
    logit_scale: float
