# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The decoders of GLM and GLM-4.

GLM derives from Llama: a pre-norm decoder with RMSNorm, grouped queries and a gated MLP. It
differs in biases on q, k and v only, and in rotating neighbouring pairs of half of a head's
columns, which the weight map makes split-half. GLM-4 adds a norm after attention and after the
MLP, before each joins the residual.
"""

from common.layers import Decoder, SandwichBlock

from .model_config import GlmConfig


class Glm(Decoder[GlmConfig]):
    """GLM as parts: all plain, once its weights are canonical."""


class Glm4(Glm):
    """GLM-4 as parts."""

    def wiring(self) -> type[SandwichBlock]:
        return SandwichBlock
