# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled graphs: what they are for, and what they were made from. Imports no port, no layer."""
