# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a port's decoder return what its parts compute, without a line in the port.

MAX calls a hook after each layer's ``__call__``; inside :func:`tapping` it collects inputs and
outputs, which become further outputs of the graph under the names of the graph's own modules.
Outside, nothing is patched, and graphs are what they always are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
from max.dtype import DType
from max.graph import TensorValue, ops
from max.nn import layer as hooks
from max.nn.kv_cache import KVCacheParams
from max.nn.layer import Module
from max.nn.stacked_linear import StackedLinear

from common.layers import Decoder, Router, attention
from common.layers.moe import shares_of
from common.layers.step import Step
from proof.harness import generate

Array = npt.NDArray[np.float32]

#: What attention multiplies: q and k after positions are applied, k as the cache gives it back.
QUERIES, KEYS = "q_rotated", "k_cached"


#: What precedes the name of a module whose input is meant.
INPUT = ".input"


class Recorder:
    """Collects the tensors of one traced pass by name, in the order of their making.

    An output has its module's name; an input that no module gave out has its taker's name and
    ``.input``: what enters the first layer, attention's context, the activations of an MLP. A
    router's output is the share of every expert in each token.
    """

    def __init__(self, decoder: Module) -> None:
        self.names = {id(module): name.strip(".") for name, module in decoder.named_modules()}
        self.tensors: dict[str, TensorValue] = {}
        self._given: set[int] = set()
        # Alive as long as their ids are compared.
        self._kept: list[Any] = []

    def hook(self, layer: Any, args: tuple[Any, ...], kwargs: Any, outputs: Any) -> None:
        """Takes one call of a layer."""
        name = self.names.get(id(layer))
        if name and isinstance(layer, Router):
            experts, weights = outputs
            self.add(name, shares_of(experts, weights, int(layer.weight.shape[0])))
        if not name or not isinstance(outputs, TensorValue):
            return
        taken = args[0] if args else None
        if isinstance(taken, TensorValue) and taken.dtype.is_float() and not self._is_known(taken):
            self.add(name + INPUT, taken)
        if isinstance(layer, StackedLinear):
            # Its own name is left out of its parts' names, so that it goes by its owner's.
            self._know(outputs)
            parts = ops.split(outputs, layer._out_dims, axis=-1)
            for part, tensor in zip(layer._names, parts, strict=True):
                self.add(f"{name}.{part}", tensor)
        else:
            self.add(name, outputs)

    def add(self, name: str, tensor: TensorValue) -> None:
        """Takes a tensor; a second of one name, a base class's, makes way for the whole."""
        self.tensors.pop(name, None)
        self.tensors[name] = tensor
        self._know(tensor)

    def _know(self, tensor: TensorValue) -> None:
        self._kept.append(tensor._mlir_value)
        self._given.add(hash(tensor._mlir_value))

    def _is_known(self, tensor: TensorValue) -> bool:
        return hash(tensor._mlir_value) in self._given

    def of_every_token(self) -> dict[str, TensorValue]:
        """Returns the taps with a row for each token: the head also runs on last tokens alone."""
        tokens = next(iter(self.tensors.values())).shape[0]
        return {name: tensor for name, tensor in self.tensors.items() if tensor.shape[0] == tokens}

    def attended(self, q: TensorValue, step: Step, layer: int, kv: KVCacheParams) -> None:
        """Takes what attention multiplies."""
        owner = f"layers.{layer}.self_attn"
        self.add(f"{owner}.{QUERIES}", q)
        self.add(f"{owner}.{KEYS}", _cached_keys(q, step, layer))


def _cached_keys(q: TensorValue, step: Step, layer: int) -> TensorValue:
    """Returns ``[tokens, kv_heads, head_dim]``: k of the new tokens, as their pages hold them."""
    blocks = ops.buffer_load(step.kv_collection.kv_blocks)  # [pages, 2, layers, page, kv, dim]
    row, position = step.rows_and_positions(q)
    page = int(blocks.shape[3])
    size = ops.constant(page, DType.int64, device=q.device)
    index = position // size
    table = step.kv_collection.lookup_table.cast(DType.int64)
    pages = ops.gather_nd(table, ops.stack([row, index], axis=-1))
    keys = blocks[:, 0, layer]  # [pages, page, kv, dim]
    return ops.gather_nd(keys, ops.stack([pages, position - index * size], axis=-1))


@contextlib.contextmanager
def tapping(names: dict[str, list[str]]) -> Iterator[None]:
    """Inside, decoders that are traced return their taps after their logits.

    Args:
        names: Filled with the names of the taps, by the name of the graph they are of.
    """
    call, attend, trace = Decoder.__call__, attention.attend, Decoder.trace
    recorders: list[Recorder] = []

    def attend_tapped(
        q: TensorValue, step: Step, layer: int, kv: KVCacheParams, *rest: Any
    ) -> TensorValue:
        recorders[-1].attended(q, step, layer, kv)
        return attend(q, step, layer, kv, *rest)

    def call_tapped(decoder: Any, *inputs: Any) -> tuple[TensorValue, ...]:
        recorders.append(Recorder(decoder))
        hooks.add_layer_hook(recorders[-1].hook)
        try:
            outputs = call(decoder, *inputs)
        finally:
            hooks.clear_hooks()
        return (*outputs, *recorders[-1].of_every_token().values())

    def trace_tapped(decoder: Any, *inputs: Any, **options: Any) -> Any:
        graph = trace(decoder, *inputs, **options)
        names[graph.name] = list(recorders.pop().of_every_token())
        return graph

    with (
        mock.patch.object(Decoder, "__call__", call_tapped),
        mock.patch.object(Decoder, "trace", trace_tapped),
        mock.patch.object(attention, "attend", attend_tapped),
    ):
        yield


class _Untapped:
    """A model whose taps are kept, and hidden from the pipeline around it."""

    def __init__(self, model: Any, taps: Sequence[str]) -> None:
        self.model, self.taps = model, taps
        self.steps: list[dict[str, Array]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def execute(self, *inputs: Any) -> list[Any]:
        outputs = self.model.execute(*inputs)
        plain = len(outputs) - len(self.taps)
        found = zip(self.taps, outputs[plain:], strict=True)
        self.steps.append({name: _float32(tensor) for name, tensor in found})
        return list(outputs[:plain])


def _float32(tensor: Any) -> Array:
    """Copies a tensor to the host; buffers are reused by the next step."""
    import torch

    return torch.from_dlpack(tensor).to("cpu", torch.float32, copy=True).numpy()


def run(
    model: Any, taps: Sequence[str], prompt: Sequence[int], steps: int
) -> tuple[list[int], list[dict[str, Array]]]:
    """Prefills ``prompt`` and decodes greedily with a pipeline that was built :func:`tapping`.

    Returns:
        The prompt and the tokens generated, and each step's tensors by name, ``[tokens, …]``:
        those of the prefill, then those of each decode step.
    """
    pipeline_model = model.pipeline._pipeline_model
    whole = pipeline_model.model
    pipeline_model.model = untapped = _Untapped(whole, taps)
    try:
        (row,) = generate(model, [prompt], steps + 1)
    finally:
        pipeline_model.model = whole
    return row.tokens, untapped.steps
