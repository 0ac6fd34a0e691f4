# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere2's weights: the graph's names under ``model.``, with interleaved RoPE rows."""

from common.adapters import Adapter, CanonicalRope, FromGGUF, RenameParts, WeightMap

from .model_config import Cohere2Config


def weight_map(config: Cohere2Config) -> WeightMap:
    """What differs in safetensors."""
    return WeightMap(RenameParts("model"), CanonicalRope(rope=config.rope, interleaved=True))


def gguf_map(config: Cohere2Config) -> WeightMap:
    """What differs in GGUF."""
    return WeightMap(FromGGUF(), CanonicalRope(rope=config.rope, interleaved=True))


convert_safetensor_state_dict = Adapter(Cohere2Config, weight_map)
convert_gguf_state_dict = Adapter(Cohere2Config, gguf_map)
