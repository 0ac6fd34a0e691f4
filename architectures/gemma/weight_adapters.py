# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Gemma's weights: the graph's names under ``model.``; GGUF holds the norms with one added."""

from common.adapters import Adapter, Add, RenameParts, WeightMap, gguf_map

from .model_config import GemmaConfig


def weight_map(config: GemmaConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"))


def of_gguf(config: GemmaConfig) -> WeightMap:
    """The same of a GGUF file."""
    return WeightMap(Add(r".*norm\.weight", -1.0), *gguf_map(config).rules)


convert_safetensor_state_dict = Adapter(GemmaConfig, weight_map)
convert_gguf_state_dict = Adapter(GemmaConfig, of_gguf)
