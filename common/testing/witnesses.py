# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Changes to an oracle's weights and modules that several ports' witnesses share.

They work on torch tensors and modules by their methods, so that declaring one imports nothing.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from .declare import HEAD_DIM, HEADS


def zero(tensor: Any) -> Any:
    """Returns zeros of the tensor's shape."""
    return tensor * 0


def split_half_rows(tensor: Any) -> Any:
    """Returns a q or k projection as if its interleaved pairs had been read as split halves."""
    heads = tensor.unflatten(0, (-1, 2, HEAD_DIM // 2))
    return heads.transpose(1, 2).flatten(0, 2)


def swapped_gate_up(tensor: Any) -> Any:
    """Returns a fused ``gate | up``, also of many experts, as if it had been ``up | gate``."""
    return tensor.roll(tensor.shape[-2] // 2, -2)


def rolled_rows(tensor: Any) -> Any:
    """Returns a matrix whose rows belong to one another's neighbours."""
    return tensor.roll(1, 0)


def concatenated_qkv(tensor: Any) -> Any:
    """Returns a head-interleaved fused projection as if its rows had been ``q | k | v``."""
    return tensor.unflatten(0, (3, HEADS, HEAD_DIM)).transpose(0, 1).flatten(0, 2)


def rms_norm(module: Any) -> None:
    """Makes a LayerNorm module skip the centring."""
    eps = getattr(module, "eps", None) or module.variance_epsilon
    bias = getattr(module, "bias", None)

    def forward(self: Any, x: Any) -> Any:
        scaled = self.weight * x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt()
        return scaled if bias is None else scaled + bias

    module.forward = MethodType(forward, module)


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
