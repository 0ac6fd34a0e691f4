# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How positions enter: rotary in attention, learned in the embedding, or not at all.

In attention, a position part takes the fused ``q | k | v`` of the new tokens, stores k and v in the
paged cache and returns q; the rotary one rotates q and k on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from max.dtype import DType
from max.graph import DeviceRef, TensorValue, ops
from max.nn.embedding import Embedding
from max.nn.kernels import rope_split_store_ragged, store_k_cache_ragged, store_v_cache_ragged
from max.nn.kv_cache import KVCacheParams

from common.config import DecoderConfig, RopeParameters

from .step import Step


class Position(Protocol):
    """Stores k and v of the new tokens and returns q."""

    def store(
        self, qkv: TensorValue, step: Step, layer: TensorValue, kv: KVCacheParams, num_heads: int
    ) -> TensorValue:
        """Args:
            qkv: ``[tokens, (num_heads + 2 * kv_heads) * head_dim]``.
            step: The forward pass.
            layer: The layer's index in the cache, uint32.
            kv: The cache's parameters.
            num_heads: Query heads.

        Returns:
            q, ``[tokens, num_heads, head_dim]``.
        """


class NoPosition:
    """NoPE (Kazemnejad et al. 2023, arXiv:2305.19466): only the causal mask knows the order."""

    def store(
        self, qkv: TensorValue, step: Step, layer: TensorValue, kv: KVCacheParams, num_heads: int
    ) -> TensorValue:
        widths = [num_heads * kv.head_dim, *[kv.n_kv_heads * kv.head_dim] * 2]
        q, k, v = (
            part.reshape((-1, width // kv.head_dim, kv.head_dim))
            for part, width in zip(ops.split(qkv, widths, axis=-1), widths, strict=True)
        )
        store_k_cache_ragged(step.kv_collection, k, step.input_row_offsets, layer)
        store_v_cache_ragged(step.kv_collection, v, step.input_row_offsets, layer)
        return q


class LearnedPositions(Embedding):
    """One learned vector a position, to be added to the tokens' (Vaswani et al. 2017, §3.5).

    Weights: ``weight``, ``[max_position_embeddings + offset, hidden_size]``.

    Args:
        config: The decoder's dimensions.
        positions: How many the checkpoint holds.
        offset: Rows before that of position 0.
    """

    def __init__(self, config: DecoderConfig, positions: int, *, offset: int = 0) -> None:
        super().__init__(positions + offset, config.hidden_size, config.dtype, config.device)
        self.offset = offset

    def of(self, tokens: TensorValue, step: Step) -> TensorValue:
        """Returns ``[tokens, hidden_size]``."""
        _, position = step.rows_and_positions(tokens)
        return self(position + self.offset)


@dataclass(frozen=True, eq=False)
class Rope:
    """Split-half rotation over the full head (Su et al. 2021, arXiv:2104.09864).

    Attributes:
        parameters: The frequencies.
        max_seq_len: Positions to tabulate.
    """

    parameters: RopeParameters
    max_seq_len: int

    def table(self) -> TensorValue:
        """Returns float32 ``[max_seq_len, head_dim]``: cos and sin of each pair, alternating."""
        frequencies, factor = self.parameters.frequencies()
        cpu = DeviceRef.CPU()
        positions = ops.range(0, self.max_seq_len, 1, dtype=DType.float32, device=cpu)
        angles = ops.outer(positions, ops.constant(np.array(frequencies), device=cpu))
        table = ops.stack([ops.cos(angles), ops.sin(angles)], axis=-1)
        if factor != 1.0:
            table = table * factor
        return table.reshape((self.max_seq_len, self.parameters.head_dim))

    def store(
        self, qkv: TensorValue, step: Step, layer: TensorValue, kv: KVCacheParams, num_heads: int
    ) -> TensorValue:
        q = rope_split_store_ragged(
            kv,
            qkv,
            step.input_row_offsets,
            step.table(self, self.table).cast(qkv.dtype).to(qkv.device),
            step.kv_collection,
            layer,
            num_heads,
            interleaved=False,
        )
        return q.reshape((-1, num_heads, kv.head_dim))
