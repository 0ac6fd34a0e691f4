# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers Cohere2."""

from common.pipeline import decoder_architecture

from .model import Cohere2Model
from .weight_adapters import gguf_weight_map, weight_map

architecture = decoder_architecture(
    "Cohere2ForCausalLM",
    Cohere2Model,
    weight_map,
    gguf_weight_map,
    example_repo_ids=["CohereLabs/c4ai-command-r7b-12-2024", "CohereLabs/c4ai-command-a-03-2025"],
)
