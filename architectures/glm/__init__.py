# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GLM and GLM-4, for ``max serve --custom-architectures architectures/glm``."""

from .arch import Glm4ForCausalLM, architecture

ARCHITECTURES = [architecture, Glm4ForCausalLM]
