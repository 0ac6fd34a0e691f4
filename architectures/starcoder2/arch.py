# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers StarCoder2."""

from common.pipeline import decoder_architecture

from .model import Starcoder2Model
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

architecture = decoder_architecture(
    "Starcoder2ForCausalLM",
    Starcoder2Model,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
    example_repo_ids=["bigcode/starcoder2-3b", "bigcode/starcoder2-7b", "bigcode/starcoder2-15b"],
)
