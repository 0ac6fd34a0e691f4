# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers StableLM, also as files from before transformers had it name it."""

from dataclasses import replace

from common.pipeline import decoder_architecture

from .model import StableLmModel
from .weight_adapters import weight_map

architecture = decoder_architecture(
    "StableLmForCausalLM",
    StableLmModel,
    weight_map,
    example_repo_ids=["stabilityai/stablelm-3b-4e1t", "stabilityai/stablelm-2-12b"],
)
StableLMEpochForCausalLM = replace(architecture, name="StableLMEpochForCausalLM")
