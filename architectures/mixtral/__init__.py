# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mixtral, for ``max serve --custom-architectures architectures/mixtral``."""

from .arch import architecture

ARCHITECTURES = [architecture]
