# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Mixtral's weights: other names under ``model.``, and a tensor for each expert, stacked."""

from functools import partial

from common.adapters import Adapter, RenameParts, Stack, WeightMap, gguf_map

from .model_config import MixtralConfig

PARTS = {"block_sparse_moe": "mlp", "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}


def weight_map(config: MixtralConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model", PARTS), Stack(count=config.num_local_experts))


convert_safetensor_state_dict = Adapter(MixtralConfig, weight_map)
convert_gguf_state_dict = Adapter(MixtralConfig, partial(gguf_map, interleaved=True))
