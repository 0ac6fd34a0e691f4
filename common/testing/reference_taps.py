# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""What the reference computes, under the names and in the layout of a port's graph.

The port's own weight map says which of the reference's modules is which of the graph's. It also moves
the outputs of projections as it moves the rows of their weights, so that q of a fused projection
compares with q. What attention multiplies comes from the reference's attention itself, and owes
nothing to the map.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from max.dtype import DType
from max.graph.weights import WeightData

from common.adapters import CanonicalRope, Tensor, WeightMap
from common.checkpoint import Header
from common.errors import PortError

from .oracle import Oracle
from .taps import INPUT, KEYS, QUERIES

Array = npt.NDArray[np.float32]

#: The attention implementation that keeps what it is given, by transformers' interface for others.
_KEEPING = "max_ports_keeping"


@dataclass
class Captured:
    """What one forward pass went through.

    Attributes:
        inputs: Of each module, ``[tokens, …]``.
        outputs: Of each module, ``[tokens, …]``.
        attention: Of each layer, rotated q and k, and v, ``[tokens, heads, head_dim]``.
        logits: ``[tokens, vocab_size]``.
    """

    inputs: dict[str, Array] = field(default_factory=dict)
    outputs: dict[str, Array] = field(default_factory=dict)
    attention: dict[int, tuple[Array, Array, Array]] = field(default_factory=dict)
    logits: Array = field(default_factory=lambda: np.empty(0, np.float32))


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple | list) and value else value


def _rows(value: Any, tokens: int) -> Array | None:
    """Returns a tensor of one row as ``[tokens, …]``, if it is one value a token."""
    import torch

    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return None
    if value.dim() >= 2 and value.shape[0] == 1:
        value = value[0]
    if value.shape[0] != tokens and value.dim() == 3 and value.shape[1] == tokens:
        value = value.transpose(0, 1)
    if not value.dim() or value.shape[0] != tokens:
        return None
    return value.detach().float().numpy().copy()


@contextmanager
def _capturing(model: Any, tokens: int, found: Captured) -> Iterator[None]:
    handles = []

    def hook(name: str) -> Any:
        def keep(module: Any, args: Any, kwargs: Any, output: Any) -> None:
            given = _first(args) if args else kwargs.get("hidden_states")
            for kept, value in ((found.inputs, given), (found.outputs, _first(output))):
                rows = _rows(value, tokens)
                if rows is not None:
                    kept[name] = rows

        return keep

    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_hook(hook(name), with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _register(found: Captured) -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    def attend(
        module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: float, **rest: Any
    ) -> Any:
        import torch

        kept = [t[0].transpose(0, 1).float().numpy().copy() for t in (query, key, value)]
        found.attention[module.layer_idx] = (kept[0], kept[1], kept[2])
        groups = query.shape[1] // key.shape[1]
        key, value = (t.repeat_interleave(groups, dim=1) for t in (key, value))
        scores = query @ key.transpose(2, 3) * scaling
        if mask is not None:
            scores = scores + mask[..., : key.shape[-2]]
        weights = torch.softmax(scores, -1, dtype=torch.float32).to(query.dtype)
        return (weights @ value).transpose(1, 2).contiguous(), weights

    AttentionInterface.register(_KEEPING, attend)
    AttentionMaskInterface.register(_KEEPING, eager_mask)


class Reference:
    """A transformers model that says what its modules compute.

    Args:
        directory: The checkpoint.
        weight_map: The port's, for this checkpoint.
        headers: The checkpoint's tensors, described.
    """

    def __init__(self, directory: Path, weight_map: WeightMap, headers: Sequence[Tensor]) -> None:
        self.found = Captured()
        _register(self.found)
        self.model = Oracle(directory, attention=_KEEPING).model
        self.weight_map = weight_map
        self.modules = _modules(weight_map, headers)
        self.kinds = {name: type(module).__name__ for name, module in self.model.named_modules()}

    def capture(self, tokens: Sequence[int]) -> Captured:
        """Runs one forward pass over ``tokens``."""
        import torch

        for kept in (self.found.inputs, self.found.outputs, self.found.attention):
            kept.clear()
        with torch.no_grad(), _capturing(self.model, len(tokens), self.found):
            logits = self.model(torch.tensor([list(tokens)]), use_cache=False).logits
        self.found.logits = logits[0].float().numpy()
        return self.found

    def taps(self, tokens: Sequence[int]) -> dict[str, Array]:
        """Returns what the graph's taps are in the reference, ``[tokens, …]`` by their names."""
        found, taps = self.capture(tokens), {}
        for name, module in self.modules.items():
            if module in found.inputs:
                taps[name + INPUT] = found.inputs[module]
            if module in found.outputs:
                taps[name] = found.outputs[module]
        for module, rows in found.outputs.items():
            taps |= self._moved(module, rows)
        for layer, (q, k, v) in found.attention.items():
            owner = f"layers.{layer}.self_attn"
            taps[f"{owner}.{QUERIES}"] = self._canonical(q)
            taps[f"{owner}.{KEYS}"] = self._canonical(k)
            taps[f"{owner}.v_proj"] = v.reshape(len(tokens), -1)
        taps["lm_head"] = found.logits
        return taps

    def _moved(self, module: str, rows: Array) -> dict[str, Array]:
        """Returns a projection's output as the map moves the rows of its weight."""
        kind = self.kinds[module]
        if kind not in ("Linear", "Conv1D") or rows.ndim != 2:
            return {}
        moved = rows if kind == "Conv1D" else np.ascontiguousarray(rows.T)
        try:
            plan = self.weight_map.plan([_tensor(f"{module}.weight", moved)])
        except PortError:  # A rule for several tensors, such as those of experts.
            return {}
        return {
            name.removesuffix(".weight"): np.from_dlpack(tensor.read().data).T.copy()
            for name, tensor in plan.produced.items()
        }

    def _canonical(self, heads: Array) -> Array:
        for rule in self.weight_map.rules:
            if isinstance(rule, CanonicalRope):
                return heads[..., rule.order()]
        return heads


def _tensor(name: str, array: Array) -> Tensor:
    data = WeightData.from_numpy(array, name)
    return Tensor.of(name, data)


def _modules(weight_map: WeightMap, headers: Sequence[Tensor]) -> dict[str, str]:
    """Returns the reference's module for each of the graph's, by the weights below them."""
    origins: dict[str, list[list[str]]] = {}
    for name, tensor in weight_map.plan(headers).produced.items():
        parts = name.split(".")[:-1]
        for end in range(1, len(parts) + 1):
            below = origins.setdefault(".".join(parts[:end]), [])
            below += [origin.split(".")[:-1] for origin in tensor.origin]
    found = {}
    for name, paths in origins.items():
        common = os.path.commonprefix([tuple(path) for path in paths])
        if common:
            found[name] = ".".join(common)
    return found
