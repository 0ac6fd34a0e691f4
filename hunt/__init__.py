# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hunts for the first tensor in which a port differs from its reference: taps on both sides."""
