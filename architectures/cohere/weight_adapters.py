# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Cohere's weights: the graph's names under ``model.``, with interleaved RoPE rows."""

from functools import partial

from common.adapters import Adapter, CanonicalRope, RenameParts, WeightMap, gguf_map

from .model_config import CohereConfig


def weight_map(config: CohereConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"), CanonicalRope(rope=config.rope, interleaved=True))


convert_safetensor_state_dict = Adapter(CohereConfig, weight_map)
convert_gguf_state_dict = Adapter(CohereConfig, partial(gguf_map, interleaved=True))
