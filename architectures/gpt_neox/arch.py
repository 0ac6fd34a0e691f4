# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers GPT-NeoX."""

from common.pipeline import decoder_architecture

from .model import GPTNeoXModel
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

architecture = decoder_architecture(
    "GPTNeoXForCausalLM",
    GPTNeoXModel,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
    example_repo_ids=[
        "EleutherAI/pythia-160m",
        "EleutherAI/gpt-neox-20b",
        "databricks/dolly-v2-3b",
    ],
)
