# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""StableLM, for ``max serve --custom-architectures architectures/stablelm``."""

from .arch import StableLMEpochForCausalLM, architecture

ARCHITECTURES = [architecture, StableLMEpochForCausalLM]
