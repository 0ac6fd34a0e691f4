# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers GPT-2."""

from common.pipeline import decoder_architecture

from .model import GPT2Model
from .weight_adapters import weight_map

architecture = decoder_architecture(
    "GPT2LMHeadModel",
    GPT2Model,
    weight_map,
    example_repo_ids=["openai-community/gpt2", "openai-community/gpt2-xl", "distilbert/distilgpt2"],
)
