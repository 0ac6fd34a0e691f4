# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Phi, for ``max serve --custom-architectures architectures/phi``."""

from .arch import architecture

ARCHITECTURES = [architecture]
