# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers StarCoder2."""

from common.pipeline import decoder_architecture

from .model import Starcoder2Model
from .weight_adapters import weight_map

architecture = decoder_architecture(
    "Starcoder2ForCausalLM",
    Starcoder2Model,
    weight_map,
    example_repo_ids=["bigcode/starcoder2-3b", "bigcode/starcoder2-7b", "bigcode/starcoder2-15b"],
)
