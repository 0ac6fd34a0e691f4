# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cohere, for ``max serve --custom-architectures architectures/cohere``."""

from .arch import architecture

ARCHITECTURES = [architecture]
