# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every layer of one forward pass shares: the KV cache and the ragged batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from max.dtype import DType
from max.graph import TensorValue, ops
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

    def rows_and_positions(self, tokens: TensorValue) -> tuple[TensorValue, TensorValue]:
        """Returns, for each of ``[tokens, …]``, its row in the batch and its position in that row.

        Both are ``[tokens]`` int64; positions count what the cache holds.
        """
        index = ops.range(
            0,
            TensorValue(tokens.shape[0]),
            1,
            out_dim=tokens.shape[0],
            dtype=DType.int64,
            device=tokens.device,
        )
        offsets = self.input_row_offsets.cast(DType.int64)
        ended = ops.unsqueeze(index, 1) >= ops.unsqueeze(offsets[1:], 0)
        row = ops.squeeze(ops.sum(ended.cast(DType.int64), axis=1), 1)
        cached = self.kv_collection.cache_lengths.cast(DType.int64)
        return row, index - ops.gather(offsets, row, axis=0) + ops.gather(cached, row, axis=0)
