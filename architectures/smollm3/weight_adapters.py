# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SmolLM3's weights: the graph's names, under ``model.``; GGUF interleaves RoPE rows."""

from functools import partial

from common.adapters import RenameParts, WeightMap, gguf_map

from .model_config import SmolLM3Config


def weight_map(config: SmolLM3Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"))


gguf_weight_map = partial(gguf_map, interleaved=True)
