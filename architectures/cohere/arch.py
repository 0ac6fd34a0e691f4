# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers Cohere."""

from common.pipeline import decoder_architecture

from .model import CohereModel
from .weight_adapters import gguf_weight_map, weight_map

architecture = decoder_architecture(
    "CohereForCausalLM",
    CohereModel,
    weight_map,
    gguf_weight_map,
    example_repo_ids=["CohereLabs/c4ai-command-r-v01", "CohereLabs/aya-expanse-8b"],
)
