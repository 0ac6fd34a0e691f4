# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where norms and residuals stand around attention and MLP; one class a placement.

Each block maps ``[tokens, hidden_size]`` to the same.
"""

from __future__ import annotations

from typing import Any, ClassVar

from max.graph import TensorValue
from max.nn.layer import Layer, Module

from .attention import Attention
from .step import Step


class Block(Module):
    """A layer, from its norms, an ``attention`` and an ``mlp``, all given by keyword."""

    #: The norms it takes, by name.
    NORMS: ClassVar[tuple[str, ...]]


class PreNormBlock(Block):
    """``h = x + attention(norm1(x))``, then ``h + mlp(norm2(h))``."""

    NORMS: ClassVar[tuple[str, ...]] = ("input_layernorm", "post_attention_layernorm")

    def __init__(
        self,
        *,
        input_layernorm: Layer,
        attention: Attention,
        post_attention_layernorm: Layer,
        mlp: Layer,
    ) -> None:
        super().__init__()
        self.input_layernorm = input_layernorm
        self.self_attn = attention
        self.post_attention_layernorm = post_attention_layernorm
        self.mlp = mlp

    def __call__(self, x: TensorValue, step: Step) -> TensorValue:
        h = x + self.self_attn(self.input_layernorm(x), step)
        return h + self.mlp(self.post_attention_layernorm(h))


class SandwichBlock(PreNormBlock):
    """``h = x + norm2(attention(norm1(x)))``, then ``h + norm4(mlp(norm3(h)))``, as in GLM-4.

    Its names are GLM-4's: ``post_attention_layernorm`` is norm3, before the MLP.
    """

    NORMS = (*PreNormBlock.NORMS, "post_self_attn_layernorm", "post_mlp_layernorm")

    def __init__(
        self, *, post_self_attn_layernorm: Layer, post_mlp_layernorm: Layer, **parts: Any
    ) -> None:
        super().__init__(**parts)
        self.post_self_attn_layernorm = post_self_attn_layernorm
        self.post_mlp_layernorm = post_mlp_layernorm

    def __call__(self, x: TensorValue, step: Step) -> TensorValue:
        attended = self.self_attn(self.input_layernorm(x), step)
        h = x + self.post_self_attn_layernorm(attended)
        return h + self.post_mlp_layernorm(self.mlp(self.post_attention_layernorm(h)))


class ParallelTwoNormBlock(PreNormBlock):
    """``x + attention(norm1(x)) + mlp(norm2(x))``, as in GPT-NeoX."""

    def __call__(self, x: TensorValue, step: Step) -> TensorValue:
        attended = self.self_attn(self.input_layernorm(x), step)
        return self.mlp(self.post_attention_layernorm(x)) + attended + x


class ParallelBlock(Block):
    """``x + attention(norm(x)) + mlp(norm(x))``: one norm feeds both, as in GPT-J and Cohere."""

    NORMS: ClassVar[tuple[str, ...]] = ("input_layernorm",)

    def __init__(self, *, input_layernorm: Layer, attention: Attention, mlp: Layer) -> None:
        super().__init__()
        self.input_layernorm = input_layernorm
        self.self_attn = attention
        self.mlp = mlp

    def __call__(self, x: TensorValue, step: Step) -> TensorValue:
        normed = self.input_layernorm(x)
        return x + self.self_attn(normed, step) + self.mlp(normed)
