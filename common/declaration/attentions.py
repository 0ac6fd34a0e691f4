# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The attentions that fixtures draw from.

Attention is what compiling costs: one with sizes, a mask or positions of its own takes 20 to 30 CPU
seconds, and a graph whose attention is compiled already takes a few (bench/batch_compile.py). So
fixtures share a few, which between them have each size that matters. A port has another only if its
model has heads like no other's.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Grouped queries, as most decoders have them; what a fixture has unless it says otherwise.
GROUPED: Mapping[str, int] = {
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
}
#: One head of keys and values. Its size is not hidden_size / num_attention_heads.
MULTI_QUERY: Mapping[str, int] = {**GROUPED, "num_key_value_heads": 1, "head_dim": 64}
#: As many heads of keys and values as of queries.
MULTI_HEAD: Mapping[str, int] = {**GROUPED, "num_key_value_heads": 4}
#: Sliding windows in tokens: one that MAX's CPU kernel takes, and one that it does not.
KERNEL_WINDOW, PLAIN_WINDOW = 128, 16
