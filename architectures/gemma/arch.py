# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers Gemma."""

from common.pipeline import decoder_architecture

from .model import GemmaModel
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

architecture = decoder_architecture(
    "GemmaForCausalLM",
    GemmaModel,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
    example_repo_ids=["google/gemma-2b", "google/gemma-7b-it", "google/codegemma-7b-it"],
)
