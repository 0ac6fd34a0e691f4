# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere2, for ``max serve --custom-architectures architectures/cohere2``."""

from .arch import architecture

ARCHITECTURES = [architecture]
