# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers Mixtral."""

from common.pipeline import decoder_architecture

from .model import MixtralModel
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

architecture = decoder_architecture(
    "MixtralForCausalLM",
    MixtralModel,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
    example_repo_ids=[
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "mistralai/Mixtral-8x22B-v0.1",
        "NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO",
    ],
)
