# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere2's weights: the graph's names under ``model.``, with interleaved RoPE rows."""

from functools import partial

from common.adapters import CanonicalRope, RenameParts, WeightMap, gguf_map

from .model_config import Cohere2Config


def weight_map(config: Cohere2Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model"), CanonicalRope(rope=config.rope, interleaved=True))


gguf_weight_map = partial(gguf_map, interleaved=True)
