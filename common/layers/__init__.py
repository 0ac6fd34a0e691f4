# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The parts that decoders are assembled from."""

from .attention import Attention, QKNormAttention
from .blocks import ParallelBlock, ParallelTwoNormBlock, PreNormBlock, SandwichBlock
from .decoder import Decoder
from .head import Head, ScaledHead
from .masks import Causal, Mask, SlidingWindow
from .mlp import GatedMLP, PlainMLP
from .moe import Experts, MixtureOfExperts, RenormalizedRouter, Router, SoftmaxRouter
from .norms import HeadLayerNorm
from .positions import LearnedPositions, NoPosition, Position, Rope
from .qk_norm import QKNormDecoder
from .step import Step

__all__ = [
    "Attention",
    "Causal",
    "Decoder",
    "Experts",
    "GatedMLP",
    "Head",
    "HeadLayerNorm",
    "LearnedPositions",
    "Mask",
    "MixtureOfExperts",
    "NoPosition",
    "ParallelBlock",
    "ParallelTwoNormBlock",
    "PlainMLP",
    "Position",
    "PreNormBlock",
    "QKNormAttention",
    "QKNormDecoder",
    "RenormalizedRouter",
    "Rope",
    "Router",
    "SandwichBlock",
    "ScaledHead",
    "SlidingWindow",
    "SoftmaxRouter",
    "Step",
]
