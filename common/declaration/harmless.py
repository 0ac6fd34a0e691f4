# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What many references do in other words than a plain decoder's, and compute the same."""

from __future__ import annotations

#: Attention without repeated heads.
NO_REPEAT = {"eager_attention_forward": "as many key-value heads as heads: none is repeated"}
