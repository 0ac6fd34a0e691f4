# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableLM, for ``max serve --custom-architectures architectures/stablelm``."""

from .arch import StableLMEpochForCausalLM, architecture

ARCHITECTURES = [architecture, StableLMEpochForCausalLM]
