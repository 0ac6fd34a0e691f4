# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPTNeoX, for ``max serve --custom-architectures architectures/gpt_neox``."""

from .arch import architecture

ARCHITECTURES = [architecture]
