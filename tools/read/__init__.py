# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reading a model: what it is, how it differs, what stands before a port. Imports no torch."""
