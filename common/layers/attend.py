# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention over the paged KV cache: the one place that chooses the kernel or plain ops."""

from __future__ import annotations

from max.dtype import DType
from max.graph import DeviceRef, TensorValue, ops
from max.nn.kernels import flash_attention_ragged
from max.nn.kv_cache import KVCacheParams

from .masks import Mask
from .step import Step


def attend(
    q: TensorValue, step: Step, layer: int, kv: KVCacheParams, mask: Mask, scale: float
) -> TensorValue:
    """Returns softmax(scale * q k^T) v over what the cache holds for each row.

    Args:
        q: ``[tokens, num_heads, head_dim]``, positions applied; k and v already stored.
        step: The forward pass.
        layer: The layer's index in the cache.
        kv: The cache's parameters.
        mask: Which positions are seen.
        scale: Factor on the scores.

    Returns:
        ``[tokens, num_heads, head_dim]`` in q's dtype.
    """
    if not (sums_in_float32(q) and mask.fused(q)):
        return materialized_attention(q, step, layer, kv, mask, scale)
    return flash_attention_ragged(
        kv,
        q,
        step.input_row_offsets,
        step.kv_collection,
        ops.constant(layer, DType.uint32, device=DeviceRef.CPU()),
        mask.variant,
        scale,
        local_window_size=mask.local_window_size,
    )


def sums_in_float32(q: TensorValue) -> bool:
    """Whether MAX's kernel adds up scores and contexts in float32.

    MAX 26.7.0's for CPUs does so in the dtype of ``q``, and in bfloat16 rounds after every product:
    after 500 tokens, contexts are up to 7 % off (bench/bf16_attention.json).
    """
    return not q.device.is_cpu() or q.dtype == DType.float32


def materialized_attention(
    q: TensorValue, step: Step, layer: int, kv: KVCacheParams, mask: Mask, scale: float
) -> TensorValue:
    """The same as the kernel, in plain ops and float32.

    It gathers every page a row may hold, for every token, so it suits parity on a CPU and short
    contexts, not serving at length. Arguments and result are those of :func:`attend`.
    """
    tokens, heads, head_dim = q.shape[0], int(q.shape[1]), kv.head_dim
    groups = heads // kv.n_kv_heads
    blocks = ops.buffer_load(step.kv_collection.kv_blocks)  # [pages, 2, layers, page, kv, dim]
    pages = ops.gather(
        blocks[:, :, layer], step.kv_collection.lookup_table.cast(DType.int64), axis=0
    )  # [batch, pages of a row, 2, page, kv, dim]
    length = pages.shape[1] * pages.shape[3]
    shape = (pages.shape[0], length, kv.n_kv_heads, head_dim)
    row, position = step.rows_and_positions(q)
    k = ops.gather(pages[:, :, 0].reshape(shape), row, axis=0).cast(DType.float32)
    v = ops.gather(pages[:, :, 1].reshape(shape), row, axis=0).cast(DType.float32)

    grouped = q.reshape((tokens, kv.n_kv_heads, groups, head_dim)).cast(DType.float32)
    scores = grouped @ ops.permute(k, [0, 2, 3, 1]) * scale  # [tokens, kv, groups, length]
    keys = ops.range(0, TensorValue(length), 1, out_dim=length, dtype=DType.int64, device=q.device)
    seen = mask.visible(ops.unsqueeze(position, 1) - ops.unsqueeze(keys, 0))
    hidden = ops.constant(-1e30, DType.float32, device=q.device)
    scores = ops.where(seen.reshape((tokens, 1, 1, length)), scores, hidden)
    out = ops.softmax(scores) @ ops.permute(v, [0, 2, 1, 3])
    return out.reshape((tokens, heads, head_dim)).cast(q.dtype)
