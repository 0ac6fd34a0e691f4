# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers GLM and GLM-4, whose checkpoints have one layout."""

from common.pipeline import decoder_architecture

from .model import Glm4Model, GlmModel
from .weight_adapters import gguf_weight_map, weight_map

architecture = decoder_architecture(
    "GlmForCausalLM",
    GlmModel,
    weight_map,
    gguf_weight_map,
    example_repo_ids=["zai-org/glm-4-9b-chat-hf", "zai-org/glm-edge-1.5b-chat"],
)
Glm4ForCausalLM = decoder_architecture(
    "Glm4ForCausalLM",
    Glm4Model,
    weight_map,
    gguf_weight_map,
    example_repo_ids=["zai-org/GLM-4-9B-0414", "zai-org/GLM-Z1-32B-0414"],
)
