# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""SmolLM3's weights: the graph's names, under ``model.``."""

from common.adapters import Adapter, Rename, WeightMap

from .model_config import SmolLM3Config


def weight_map(config: SmolLM3Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(Rename(r"model\.(.*)", r"\1"))


convert_safetensor_state_dict = Adapter(SmolLM3Config, weight_map)
