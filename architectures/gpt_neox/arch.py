# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers GPT-NeoX."""

from common.pipeline import decoder_architecture

from .model import GPTNeoXModel
from .weight_adapters import weight_map

architecture = decoder_architecture(
    "GPTNeoXForCausalLM",
    GPTNeoXModel,
    weight_map,
    example_repo_ids=[
        "EleutherAI/pythia-160m",
        "EleutherAI/gpt-neox-20b",
        "databricks/dolly-v2-3b",
    ],
)
