# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Registers GLM and GLM-4, whose checkpoints have one layout."""

from functools import partial

from common.pipeline import decoder_architecture

from .model import Glm4Model, GlmModel
from .weight_adapters import convert_gguf_state_dict, convert_safetensor_state_dict

_registered = partial(
    decoder_architecture,
    safetensors=convert_safetensor_state_dict,
    gguf=convert_gguf_state_dict,
)

architecture = _registered(
    "GlmForCausalLM",
    GlmModel,
    example_repo_ids=["zai-org/glm-4-9b-chat-hf", "zai-org/glm-edge-1.5b-chat"],
)
Glm4ForCausalLM = _registered(
    "Glm4ForCausalLM",
    Glm4Model,
    example_repo_ids=["zai-org/GLM-4-9B-0414", "zai-org/GLM-Z1-32B-0414"],
)
