# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gemma's weights: the graph's names under ``model.``; GGUF holds the norms with one added."""

from common.adapters import Add, RenameParts, WeightMap, gguf_map

from .model_config import GemmaConfig


def weight_map(config: GemmaConfig) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"))


def gguf_weight_map(config: GemmaConfig) -> WeightMap:
    """The same of a GGUF file."""
    return WeightMap(Add(r".*norm\.weight", -1.0), *gguf_map(config).rules)
