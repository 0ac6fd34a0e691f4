# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GLM and GLM-4, for ``max serve --custom-architectures architectures/glm``."""

from .arch import Glm4ForCausalLM, architecture

ARCHITECTURES = [architecture, Glm4ForCausalLM]
