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

from .declare import HEAD_DIM, HEADS, Delta, WithConfig, WithModules, WithWeights


def off(*flags: str) -> WithConfig:
    """Returns a witness that clears switches of the config."""
    return WithConfig(dict.fromkeys(flags, False))


def without(*suffixes: str) -> WithWeights:
    """Returns a witness that zeroes the tensors whose names end in one of the suffixes."""
    return WithWeights(suffixes, zero)


def zero(tensor: Any) -> Any:
    """Returns zeros of the tensor's shape."""
    return tensor * 0


def split_half_rows(tensor: Any) -> Any:
    """Returns a q or k projection as if its interleaved pairs had been read as split halves."""
    heads = tensor.unflatten(0, (-1, 2, HEAD_DIM // 2))
    return heads.transpose(1, 2).flatten(0, 2)


#: Takes the interleaving out of RoPE.
SPLIT_HALF = WithWeights(("q_proj.weight", "k_proj.weight"), split_half_rows)


def swapped_gate_up(tensor: Any) -> Any:
    """Returns a fused ``gate | up``, also of many experts, as if it had been ``up | gate``."""
    return tensor.roll(tensor.shape[-2] // 2, -2)


def rolled_rows(tensor: Any) -> Any:
    """Returns a matrix whose rows belong to one another's neighbours."""
    return tensor.roll(1, 0)


def concatenated_qkv(tensor: Any) -> Any:
    """Returns a head-interleaved fused projection as if its rows had been ``q | k | v``."""
    return tensor.unflatten(0, (3, HEADS, HEAD_DIM)).transpose(0, 1).flatten(0, 2)


def interleaved_qkv(tensor: Any) -> Any:
    """Returns fused columns ``q | k | v`` as if they had been q, k and v of head after head."""
    return tensor.unflatten(-1, (HEADS, 3, HEAD_DIM)).transpose(-3, -2).flatten(-3)


def rms_norm(module: Any) -> None:
    """Makes a LayerNorm module skip the centring."""
    eps = getattr(module, "eps", None) or module.variance_epsilon
    bias = getattr(module, "bias", None)

    def forward(self: Any, x: Any) -> Any:
        scaled = self.weight * x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt()
        return scaled if bias is None else scaled + bias

    module.forward = MethodType(forward, module)


def layer_norms(reference: str, *biases: str) -> tuple[Delta, Delta]:
    """Returns the deltas of a decoder whose norms are torch's LayerNorm.

    Args:
        reference: Where it makes them.
        biases: How the names of their biases end.
    """
    return (
        Delta("LayerNorm, centred", reference, WithModules("LayerNorm", rms_norm)),
        Delta("LayerNorm biases", reference, without(*biases)),
    )


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
