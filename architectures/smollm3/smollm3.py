# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SmolLM3's decoder.

It derives from Llama: pre-norm blocks with RMSNorm and a gated MLP, and a head that is tied by
default. It differs in that every fourth layer has no positions (NoPE), and, where a checkpoint
asks for it, those layers slide.
"""

from typing import Any

from common.layers import Attention, Decoder, GatedMLP, NoPosition

from .model_config import SmolLM3Config


class SmolLM3(Decoder[SmolLM3Config]):
    """SmolLM3 as parts."""

    def attention(self, i: int, **parts: Any) -> Attention:
        position = self.rope if self.config.rotates[i] else NoPosition()
        window = self.config.windows[i]
        return super().attention(i, position=position, window=window, **parts)

    def mlp(self, i: int) -> GatedMLP:
        return GatedMLP(self.config, bias=self.config.mlp_bias)
