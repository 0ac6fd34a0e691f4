# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""What every layer of one forward pass shares: the KV cache and the ragged batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from max.graph import TensorValue
from max.nn.kv_cache import PagedCacheValues


@dataclass
class Step:
    """One forward pass, while it is traced.

    Attributes:
        kv_collection: The paged KV cache.
        input_row_offsets: ``[batch + 1]`` uint32; row i of the batch holds the tokens from
            offset i to offset i + 1.
    """

    kv_collection: PagedCacheValues
    input_row_offsets: TensorValue
    _tables: dict[int, TensorValue] = field(default_factory=dict)

    def table(self, owner: object, make: Callable[[], TensorValue]) -> TensorValue:
        """Returns what ``make`` built for ``owner``, building it once a pass."""
        if id(owner) not in self._tables:
            self._tables[id(owner)] = make()
        return self._tables[id(owner)]
