# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers Phi."""

from common.pipeline import decoder_architecture

from .model import PhiModel
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

architecture = decoder_architecture(
    "PhiForCausalLM",
    PhiModel,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
    example_repo_ids=["microsoft/phi-1", "microsoft/phi-1_5", "microsoft/phi-2"],
)
