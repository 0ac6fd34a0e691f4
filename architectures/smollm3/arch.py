# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers SmolLM3."""

from common.pipeline import decoder_architecture

from .model import SmolLM3Model
from .weight_adapters import gguf_weight_map, weight_map

architecture = decoder_architecture(
    "SmolLM3ForCausalLM",
    SmolLM3Model,
    weight_map,
    gguf_weight_map,
    example_repo_ids=["HuggingFaceTB/SmolLM3-3B", "HuggingFaceTB/SmolLM3-3B-Base"],
)
