# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""SmolLM3's decoder.

It derives from Llama: pre-norm blocks with RMSNorm and a gated MLP, and a head that is tied by
default. It differs in that every fourth layer has no positions (NoPE), and, where a checkpoint
asks for it, those layers slide.
"""

from common.layers import Decoder, GatedMLP, NoPosition, PreNormBlock

from .model_config import SmolLM3Config


class SmolLM3(Decoder[SmolLM3Config]):
    """SmolLM3 as parts."""

    def block(self, i: int) -> PreNormBlock:
        return PreNormBlock(
            input_layernorm=self.norm_layer(),
            attention=self.attention(
                i,
                position=self.rope if self.config.rotates[i] else NoPosition(),
                window=self.config.windows[i],
            ),
            post_attention_layernorm=self.norm_layer(),
            mlp=GatedMLP(self.config, bias=self.config.mlp_bias),
        )
