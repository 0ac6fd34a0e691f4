# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Witnesses: each takes one delta out of the oracle, by its config, its weights or its modules.

If the oracle's logits do not move, no test could see the delta, so the fixture is wrong. Changes
work on torch tensors and modules by their methods, so that declaring one imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MethodType
from typing import Any, Protocol

from common.errors import PortError


class Witness(Protocol):
    """Changes the oracle so that one delta is gone."""

    def idle(self, config: Any) -> bool:
        """Whether it is known to change nothing of a checkpoint with this config."""

    def config(self, config: Any) -> None:
        """Changes the transformers config before the model is loaded."""

    def model(self, model: Any) -> None:
        """Changes the loaded transformers model."""


@dataclass(frozen=True)
class WithConfig:
    """The delta is gone with these values in the config."""

    changes: Mapping[str, Any]

    def idle(self, config: Any) -> bool:
        return all(getattr(config, key) == value for key, value in self.changes.items())

    def config(self, config: Any) -> None:
        for key, value in self.changes.items():
            setattr(config, key, value)

    def model(self, model: Any) -> None:
        pass


@dataclass(frozen=True)
class WithRope:
    """The delta is gone with these values in the config's ``rope_parameters``."""

    changes: Mapping[str, Any]

    def idle(self, config: Any) -> bool:
        return {**config.rope_parameters, **self.changes} == config.rope_parameters

    def config(self, config: Any) -> None:
        config.rope_parameters = {**config.rope_parameters, **self.changes}

    def model(self, model: Any) -> None:
        pass


@dataclass(frozen=True)
class WithWeights:
    """The delta is gone when ``change`` is applied to the tensors whose names end in ``suffix``.

    Attributes:
        suffix: How the names end.
        change: Makes the tensor from what it was and the transformers config.
    """

    suffix: tuple[str, ...]
    change: Callable[[Any, Any], Any]

    def idle(self, config: Any) -> bool:
        return False

    def config(self, config: Any) -> None:
        pass

    def model(self, model: Any) -> None:
        changed = 0
        for name, parameter in model.named_parameters():
            if name.endswith(self.suffix):
                parameter.data = self.change(parameter.data, model.config).contiguous()
                changed += 1
        if not changed:
            raise PortError(f"witness changes no tensor: none ends in {self.suffix}")


@dataclass(frozen=True)
class WithModules:
    """The delta is gone when ``change`` is applied to the modules of class ``name``.

    Attributes:
        name: The class; ``*Attention`` is any whose name ends so.
        change: Changes a module in place.
    """

    name: str
    change: Callable[[Any], None]

    def idle(self, config: Any) -> bool:
        return False

    def config(self, config: Any) -> None:
        pass

    def model(self, model: Any) -> None:
        modules = [m for m in model.modules() if fnmatchcase(type(m).__name__, self.name)]
        if not modules:
            raise PortError(f"witness changes no module: the oracle has no {self.name}")
        for module in modules:
            self.change(module)


@dataclass(frozen=True)
class Unimplemented:
    """Stands where the port has no witness yet; nothing that asks for one passes.

    Attributes:
        reason: What is to be done.
    """

    reason: str

    def idle(self, config: Any) -> bool:
        return False

    def config(self, config: Any) -> None:
        raise PortError(f"not implemented: {self.reason}")

    def model(self, model: Any) -> None:
        raise PortError(f"not implemented: {self.reason}")


def off(*flags: str) -> WithConfig:
    """Returns a witness that clears switches of the config."""
    return WithConfig(dict.fromkeys(flags, False))


def without(*suffixes: str) -> WithWeights:
    """Returns a witness that zeroes the tensors whose names end in one of the suffixes."""
    return WithWeights(suffixes, zero)


def zero(tensor: Any, config: Any) -> Any:
    """Returns zeros of the tensor's shape."""
    return tensor * 0


def transposed(tensor: Any, config: Any) -> Any:
    """Returns a square matrix as if its two dimensions had been taken for each other."""
    return tensor.T


def head_dim(config: Any) -> int:
    """Returns the columns of a head; not every config has the key, and some leave it null."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def split_half_rows(tensor: Any, config: Any) -> Any:
    """Returns a q or k projection as if its interleaved pairs had been read as split halves."""
    heads = tensor.unflatten(0, (-1, 2, head_dim(config) // 2))
    return heads.transpose(1, 2).flatten(0, 2)


def swapped_gate_up(tensor: Any, config: Any) -> Any:
    """Returns a fused ``gate | up``, also of many experts, as if it had been ``up | gate``."""
    return tensor.roll(tensor.shape[-2] // 2, -2)


def rolled_rows(tensor: Any, config: Any) -> Any:
    """Returns a matrix whose rows belong to one another's neighbours."""
    return tensor.roll(1, 0)


def concatenated_qkv(tensor: Any, config: Any) -> Any:
    """Returns a head-interleaved fused projection as if its rows had been ``q | k | v``."""
    shape = (3, config.num_attention_heads, head_dim(config))
    return tensor.unflatten(0, shape).transpose(0, 1).flatten(0, 2)


def interleaved_qkv(tensor: Any, config: Any) -> Any:
    """Returns fused columns ``q | k | v`` as if they had been q, k and v of head after head."""
    shape = (config.num_attention_heads, 3, head_dim(config))
    return tensor.unflatten(-1, shape).transpose(-3, -2).flatten(-3)


def unbiased(module: Any) -> None:
    """Zeroes the bias of a module, or those of the projections right inside it."""
    for part in (module, *module.children()):
        if type(part).__name__ in ("Linear", "Conv1D", "LayerNorm") and part.bias is not None:
            part.bias.zero_()


def rms_norm(module: Any) -> None:
    """Makes a LayerNorm module skip the centring."""
    eps = getattr(module, "eps", None) or module.variance_epsilon
    bias = getattr(module, "bias", None)

    def forward(self: Any, x: Any) -> Any:
        scaled = self.weight * x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt()
        return scaled if bias is None else scaled + bias

    module.forward = MethodType(forward, module)


def sequential(layer: Any) -> None:
    """Makes a parallel block of one norm feed its MLP what attention has been added to."""

    def forward(self: Any, hidden_states: Any, **kwargs: Any) -> Any:
        h = hidden_states + self.self_attn(self.input_layernorm(hidden_states), **kwargs)[0]
        return h + self.mlp(self.input_layernorm(h))

    layer.forward = MethodType(forward, layer)


def alike(router: Any) -> None:
    """Makes a router weigh the experts that it chooses alike."""
    forward = router.forward

    def mean(self: Any, x: Any) -> Any:
        logits, weights, experts = forward(x)
        return logits, weights.mean(-1, keepdim=True).expand_as(weights), experts

    router.forward = MethodType(mean, router)


def among_all(router: Any) -> None:
    """Makes a router weigh the experts that it chooses by their probability among all."""
    forward = router.forward

    def probabilities(self: Any, x: Any) -> Any:
        logits, _, experts = forward(x)
        return logits, logits.float().softmax(-1).gather(-1, experts), experts

    router.forward = MethodType(probabilities, router)
