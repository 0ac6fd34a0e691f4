# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gemma, for ``max serve --custom-architectures architectures/gemma``."""

from .arch import architecture

ARCHITECTURES = [architecture]
