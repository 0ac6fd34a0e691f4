# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feed-forward parts: gated, and the plain two-matrix one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from max.graph import TensorValue, ops
from max.nn.layer import Module
from max.nn.linear import Linear
from max.nn.stacked_linear import StackedLinear

from common.config import DecoderConfig
from common.errors import PortError, nearest

_gelu_tanh = partial(ops.gelu, approximate="tanh")

#: ``hidden_act`` of a config to ops, as transformers/activations.py names them.
ACTIVATIONS: Mapping[str, Callable[[TensorValue], TensorValue]] = {
    "gelu": ops.gelu,
    "gelu_fast": _gelu_tanh,
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "relu": ops.relu,
    "relu2": lambda x: ops.relu(x) * ops.relu(x),
    "silu": ops.silu,
}


def activation(name: str) -> Callable[[TensorValue], TensorValue]:
    """Returns the activation that a config names.

    Raises:
        PortError: If there is none of that name.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise PortError(
            f"hidden_act {name!r} in config.json is not supported{nearest(name, ACTIVATIONS)}"
        ) from None


class GatedMLP(Module):
    """``down(act(gate(x)) * up(x))`` (Shazeer 2020, arXiv:2002.05202).

    Weights: ``{gate,up,down}_proj.weight``, and ``.bias`` if ``bias``.
    """

    def __init__(self, config: DecoderConfig, *, bias: bool = False) -> None:
        super().__init__()
        self.act = activation(config.hidden_act)
        self.width = config.intermediate_size
        self.gate_up_proj = StackedLinear(
            config.hidden_size,
            [self.width, self.width],
            ["gate_proj", "up_proj"],
            config.dtype,
            config.device,
            has_bias=bias,
        )
        self.down_proj = Linear(
            self.width, config.hidden_size, config.dtype, config.device, has_bias=bias
        )

    def __call__(self, x: TensorValue) -> TensorValue:
        """``[tokens, hidden_size]`` to the same."""
        gate, up = ops.split(self.gate_up_proj(x), [self.width, self.width], axis=-1)
        return self.down_proj(self.act(gate) * up)


class PlainMLP(Module):
    """``down(act(up(x)))``. Weights: ``{up,down}_proj.weight``, and ``.bias`` if ``bias``."""

    def __init__(self, config: DecoderConfig, *, bias: bool = True) -> None:
        super().__init__()
        self.act = activation(config.hidden_act)
        hidden, width = config.hidden_size, config.intermediate_size
        self.up_proj = Linear(hidden, width, config.dtype, config.device, has_bias=bias)
        self.down_proj = Linear(width, hidden, config.dtype, config.device, has_bias=bias)

    def __call__(self, x: TensorValue) -> TensorValue:
        """``[tokens, hidden_size]`` to the same."""
        return self.down_proj(self.act(self.up_proj(x)))
