# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""StarCoder2's weights: the graph's names under ``model.``, but for the MLP's."""

from common.adapters import Adapter, RenameParts, WeightMap, gguf_map

from .model_config import Starcoder2Config

PARTS = {"mlp.c_fc": "mlp.up_proj", "mlp.c_proj": "mlp.down_proj"}


def weight_map(config: Starcoder2Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model", PARTS))


convert_safetensor_state_dict = Adapter(Starcoder2Config, weight_map)
convert_gguf_state_dict = Adapter(Starcoder2Config, gguf_map)
