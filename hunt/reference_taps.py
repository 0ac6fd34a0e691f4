# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the reference computes, under the names and in the layout of a port's graph.

The port's own weight map says which of the reference's modules is which of the graph's, and moves
the outputs of projections as it moves the rows of their weights, so that gate of a fused projection
compares with gate. What attention multiplies comes from the reference's attention itself, and owes
nothing to the map.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
from max.graph.weights import WeightData

from common.adapters import CanonicalRope, Tensor, WeightMap
from common.declaration import Witness
from common.errors import PortError
from proof.oracle import Oracle

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
        projected: Of each layer that rotates, q and k before.
        shares: Of each module of experts, what its router gave each, ``[tokens, experts]``.
        unrotated: Those of the layer that is running.
        logits: ``[tokens, vocab_size]``.
    """

    inputs: dict[str, Array] = field(default_factory=dict)
    outputs: dict[str, Array] = field(default_factory=dict)
    attention: dict[int, tuple[Array, Array, Array]] = field(default_factory=dict)
    projected: dict[int, tuple[Array, Array]] = field(default_factory=dict)
    shares: dict[str, Array] = field(default_factory=dict)
    unrotated: tuple[Array, Array] | None = None
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


def _shares(count: int, x: Any, experts: Any, weights: Any) -> Array:
    """Returns ``[tokens, count]`` of what transformers gives its experts, ``[tokens, top_k]``."""
    shares = weights.new_zeros((len(x), count))
    return shares.scatter_add(1, experts, weights).float().numpy()


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
            if name.endswith(".experts"):
                found.shares[name] = _shares(module.num_experts, *args, **kwargs)

        return keep

    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_hook(hook(name), with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


#: What the pass that is running fills.
_RUNNING: list[Captured] = []


def _register() -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    def attend(module: Any, query: Any, key: Any, value: Any, *rest: Any, **options: Any) -> Any:
        found = _RUNNING[-1]
        kept = [_by_token(t) for t in (query, key, value)]
        found.attention[module.layer_idx] = (kept[0], kept[1], kept[2])
        if found.unrotated is not None:
            found.projected[module.layer_idx] = found.unrotated
        found.unrotated = None
        # The model's own arithmetic, with whatever caps and sinks it has.
        eager = sys.modules[type(module).__module__].eager_attention_forward
        return eager(module, query, key, value, *rest, **options)

    AttentionInterface.register(_KEEPING, attend)
    AttentionMaskInterface.register(_KEEPING, eager_mask)


def _by_token(heads: Any) -> Array:
    """Copies ``[1, heads, tokens, head_dim]`` as ``[tokens, heads, head_dim]``."""
    return heads[0].transpose(0, 1).float().numpy().copy()


@contextmanager
def _before_rotation(model: Any, found: Captured) -> Iterator[None]:
    """Keeps q and k of a layer as they enter the rotation, if the model has the usual function."""
    home = sys.modules[type(model).__module__]
    rotate = getattr(home, "apply_rotary_pos_emb", None)
    if rotate is None:
        yield
        return

    def rotate_kept(q: Any, k: Any, *rest: Any, **options: Any) -> Any:
        if q.dim() == 4 and k.dim() == 4:
            found.unrotated = (_by_token(q), _by_token(k))
        return rotate(q, k, *rest, **options)

    with mock.patch.object(home, "apply_rotary_pos_emb", rotate_kept):
        yield


class TappedReference:
    """A transformers model that says what its modules compute.

    Args:
        directory: The checkpoint.
        weight_map: The port's, for this checkpoint.
        headers: The checkpoint's tensors, described.
        witness: Changes the model.
    """

    def __init__(
        self,
        directory: Path,
        weight_map: WeightMap,
        headers: Sequence[Tensor],
        witness: Witness | None = None,
    ) -> None:
        self.found = Captured()
        _register()
        self.oracle = Oracle(directory, attention=_KEEPING, witness=witness)
        self.model = self.oracle.model
        self.weight_map = weight_map
        self.kinds = {name: type(module).__name__ for name, module in self.model.named_modules()}
        self.modules = {
            name: self._named(module, name)
            for name, module in _modules(weight_map, headers).items()
        }

    def _named(self, module: str, name: str) -> str:
        """Returns the model's name of a module that a checkpoint and the graph name so."""
        prefix = self.model.base_model_prefix
        # Some checkpoints leave the prefix out; transformers renames some modules of older ones, to
        # the names that ports use.
        forms = (module, f"{prefix}.{module}", f"{prefix}.{name}")
        found = next((form for form in forms if form in self.kinds), module)
        # A list is not called: what holds nothing else is.
        return found.rpartition(".")[0] if self.kinds.get(found) == "ModuleList" else found

    def capture(self, tokens: Sequence[int]) -> Captured:
        """Runs one forward pass over ``tokens``."""
        import torch

        found = self.found
        for kept in (found.inputs, found.outputs, found.attention, found.projected, found.shares):
            kept.clear()
        with (
            torch.no_grad(),
            _before_rotation(self.model, found),
            _capturing(self.model, len(tokens), found),
        ):
            _RUNNING.append(found)
            try:
                logits = self.model(torch.tensor([list(tokens)]), use_cache=False).logits
            finally:
                _RUNNING.pop()
        found.logits = logits[0].float().numpy()
        return found

    def logits(self, tokens: Sequence[int], attention: str) -> Array:
        """Returns the logits with another of transformers' attention implementations."""
        self.model.set_attn_implementation(attention)
        try:
            return self.oracle.logits(tokens)
        finally:
            self.model.set_attn_implementation(_KEEPING)

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
        for name, module in self.modules.items():
            if module in found.shares:
                taps[name.removesuffix("experts") + "gate"] = found.shares[module]
        for layer, (q, k, v) in found.attention.items():
            owner = f"layers.{layer}.self_attn"
            taps[f"{owner}.{QUERIES}"] = self._canonical(q)
            taps[f"{owner}.{KEYS}"] = self._canonical(k)
            taps[f"{owner}.v_proj"] = v.reshape(len(tokens), -1)
            # Where norms of q and k stand between, projections are what the map says.
            if f"{owner}.q_norm" not in taps:
                before = found.projected.get(layer, (q, k))
                for part, heads, whole in zip("qk", before, (q, k), strict=True):
                    if heads.shape == whole.shape:
                        flat = self._canonical(heads).reshape(len(tokens), -1)
                        taps[f"{owner}.{part}_proj"] = flat
            for name in (f"{owner}.{part}_norm" + end for part in "qk" for end in ("", INPUT)):
                if name in taps:
                    taps[name] = self._canonical(taps[name])
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
            name.removesuffix(".weight"): np.from_dlpack(tensor.read().data).T.astype(np.float32)
            for name, tensor in plan.produced.items()
        }

    def _canonical(self, heads: Array) -> Array:
        for rule in self.weight_map.rules:
            if isinstance(rule, CanonicalRope):
                each = heads.reshape(len(heads), -1, rule.rope.head_dim)
                return each[..., rule.order()].reshape(heads.shape)
        return heads


def _tensor(name: str, array: Array) -> Tensor:
    data = WeightData.from_numpy(array, name)
    return Tensor.of(name, data)


def _beginning(paths: Sequence[Sequence[str]]) -> Sequence[str]:
    """Returns the words that all paths begin with."""
    shared = (len({*words}) == 1 for words in zip(*paths, strict=False))
    return paths[0][: sum(itertools.takewhile(bool, shared))]


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
        if common := _beginning(paths):
            found[name] = ".".join(common)
    return found
