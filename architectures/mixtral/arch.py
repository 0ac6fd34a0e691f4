# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers Mixtral."""

from common.pipeline import decoder_architecture

from .model import MixtralModel
from .weight_adapters import gguf_weight_map, weight_map

architecture = decoder_architecture(
    "MixtralForCausalLM",
    MixtralModel,
    weight_map,
    gguf_weight_map,
    example_repo_ids=[
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "mistralai/Mixtral-8x22B-v0.1",
        "NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO",
    ],
)
