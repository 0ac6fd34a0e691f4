# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere2's weights: the graph's names under ``model.``, with interleaved RoPE rows."""

from functools import partial

from common.adapters import Adapter, CanonicalRope, RenameParts, WeightMap, gguf_map

from .model_config import Cohere2Config


def weight_map(config: Cohere2Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"), CanonicalRope(rope=config.rope, interleaved=True))


convert_safetensor_state_dict = Adapter(Cohere2Config, weight_map)
convert_gguf_state_dict = Adapter(Cohere2Config, partial(gguf_map, interleaved=True))
