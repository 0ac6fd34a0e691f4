# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SmolLM3, for ``max serve --custom-architectures architectures/smollm3``."""

from .arch import architecture

ARCHITECTURES = [architecture]
