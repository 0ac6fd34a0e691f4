# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers Gemma."""

from common.pipeline import decoder_architecture

from .model import GemmaModel
from .weight_adapters import gguf_weight_map, weight_map

architecture = decoder_architecture(
    "GemmaForCausalLM",
    GemmaModel,
    weight_map,
    gguf_weight_map,
    example_repo_ids=["google/gemma-2b", "google/gemma-7b-it", "google/codegemma-7b-it"],
)
