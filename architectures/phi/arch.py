# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers Phi."""

from common.pipeline import decoder_architecture

from .model import PhiModel
from .weight_adapters import weight_map

architecture = decoder_architecture(
    "PhiForCausalLM",
    PhiModel,
    weight_map,
    example_repo_ids=["microsoft/phi-1", "microsoft/phi-1_5", "microsoft/phi-2"],
)
