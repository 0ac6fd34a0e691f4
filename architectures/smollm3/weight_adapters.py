# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""SmolLM3's weights: the graph's names, under ``model.``; GGUF interleaves RoPE rows."""

from common.adapters import Adapter, CanonicalRope, FromGGUF, RenameParts, WeightMap

from .model_config import SmolLM3Config


def weight_map(config: SmolLM3Config) -> WeightMap:
    """What differs in safetensors."""
    return WeightMap(RenameParts("model"))


def gguf_map(config: SmolLM3Config) -> WeightMap:
    """What differs in GGUF: q and k of every layer, those without positions too."""
    return WeightMap(FromGGUF(), CanonicalRope(rope=config.rope, interleaved=True))


convert_safetensor_state_dict = Adapter(SmolLM3Config, weight_map)
convert_gguf_state_dict = Adapter(SmolLM3Config, gguf_map)
