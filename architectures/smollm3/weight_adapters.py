# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""SmolLM3's weights: the graph's names, under ``model.``; GGUF interleaves RoPE rows."""

from functools import partial

from common.adapters import Adapter, RenameParts, WeightMap, gguf_map

from .model_config import SmolLM3Config


def weight_map(config: SmolLM3Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"))


convert_safetensor_state_dict = Adapter(SmolLM3Config, weight_map)
convert_gguf_state_dict = Adapter(SmolLM3Config, partial(gguf_map, interleaved=True))
