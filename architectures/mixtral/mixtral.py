# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mixtral's decoder.

It derives from Mistral: pre-norm with RMSNorm, grouped queries and, in some checkpoints, a sliding
window in all layers. It differs in that a mixture of gated MLPs stands for each MLP: a softmax
router sends a token to its likeliest few, whose weights are made to add up to 1.
"""

from typing import Any

from common.layers import Attention, Decoder, Experts, MixtureOfExperts, RenormalizedRouter

from .model_config import MixtralConfig


class Mixtral(Decoder[MixtralConfig]):
    """Mixtral as parts."""

    def attention(self, i: int, **parts: Any) -> Attention:
        return super().attention(i, window=self.config.sliding_window, **parts)

    def mlp(self, i: int) -> MixtureOfExperts:
        config, experts = self.config, self.config.num_local_experts
        return MixtureOfExperts(
            router=RenormalizedRouter(config, experts=experts, top_k=config.num_experts_per_tok),
            experts=Experts(config, experts=experts, width=config.intermediate_size),
        )
