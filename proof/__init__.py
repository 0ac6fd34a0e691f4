# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Proof of a port: tiny checkpoints, the transformers oracle, and the real MAX pipeline."""
