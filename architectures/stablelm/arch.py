# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers StableLM, also as files from before transformers had it name it."""

from dataclasses import replace

from common.pipeline import decoder_architecture

from .model import StableLmModel
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

architecture = decoder_architecture(
    "StableLmForCausalLM",
    StableLmModel,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
    example_repo_ids=["stabilityai/stablelm-3b-4e1t", "stabilityai/stablelm-2-12b"],
)
StableLMEpochForCausalLM = replace(architecture, name="StableLMEpochForCausalLM")
