# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mixtures of experts: a router chooses some experts for each token, and weighs what they say.

The parts meet in one place: a router returns ``[tokens, top_k]`` experts and weights, and neither
side knows more of the other. A new kind of router is a subclass of one here.
"""

from __future__ import annotations

from max.driver import accelerator_architecture_name
from max.dtype import DType
from max.graph import DeviceRef, TensorValue, Weight, ops
from max.nn.kernels import grouped_matmul_ragged, moe_create_indices, moe_finalize
from max.nn.layer import Module

from common.config import DecoderConfig

from .mlp import activation


class Router(Module):
    """Scores all experts for each token, chooses ``top_k`` of them, and weighs those.

    A kind of router says how it scores, and, where it differs, how it chooses and weighs.

    Weights: ``weight``, ``[experts, hidden_size]``.

    Args:
        config: The decoder's dimensions.
        experts: How many there are.
        top_k: How many of them a token is sent to.
    """

    def __init__(self, config: DecoderConfig, *, experts: int, top_k: int) -> None:
        super().__init__()
        self.top_k = top_k
        self.weight = Weight("weight", config.dtype, (experts, config.hidden_size), config.device)

    def scores(self, logits: TensorValue) -> TensorValue:
        """Maps float32 ``[tokens, experts]`` to the same."""
        raise NotImplementedError

    def choose(self, scores: TensorValue) -> tuple[TensorValue, TensorValue]:
        """Returns the scores and the numbers (int64) of the chosen, both ``[tokens, top_k]``."""
        return ops.top_k(scores, self.top_k)

    def weigh(self, chosen: TensorValue) -> TensorValue:
        """Maps the scores of the chosen to their weights, ``[tokens, top_k]``."""
        return chosen

    def __call__(self, x: TensorValue) -> tuple[TensorValue, TensorValue]:
        """Returns int64 experts and float32 weights, ``[tokens, top_k]``, for a token each."""
        logits = x @ ops.transpose(TensorValue(self.weight), 0, 1)
        chosen, experts = self.choose(self.scores(logits.cast(DType.float32)))
        return experts, self.weigh(chosen)


class SoftmaxRouter(Router):
    """Weighs the chosen by their probability among all (Fedus et al. 2021, arXiv:2101.03961)."""

    def scores(self, logits: TensorValue) -> TensorValue:
        return ops.softmax(logits)


class RenormalizedRouter(SoftmaxRouter):
    """Makes the weights of the chosen add up to 1 (Jiang et al. 2024, arXiv:2401.04088).

    It is also the softmax over the logits of the chosen alone.
    """

    def weigh(self, chosen: TensorValue) -> TensorValue:
        return chosen / ops.sum(chosen, axis=-1)


def shares_of(experts: TensorValue, weights: TensorValue, count: int) -> TensorValue:
    """Returns ``[tokens, count]``, float32: what a router gave each of all experts; 0 is nothing.

    Args:
        experts: The chosen, ``[tokens, top_k]``, int64.
        weights: Theirs, ``[tokens, top_k]``, float32.
        count: How many experts there are.
    """
    numbers = ops.range(0, count, 1, dtype=DType.int64, device=experts.device)
    asked = ops.equal(ops.unsqueeze(experts, 2), numbers.reshape((1, 1, count)))
    return ops.sum(asked.cast(DType.float32) * ops.unsqueeze(weights, 2), axis=1)


def grouped_on(device: DeviceRef) -> bool:
    """Whether MAX's kernels for grouped experts compile for ``device``.

    They have no CPU form. Measured with MAX 26.7.0: for Hopper (sm_90, sm_90a) the grouped matmul
    of bfloat16 compiles at no size ("Coord is not a value type" in its sm90 kernel); for sm_80,
    sm_89, sm_100a and gfx950 it does.
    """
    return not device.is_cpu() and not accelerator_architecture_name().startswith("sm_90")


class Experts(Module):
    """Gated MLPs, of which each token passes through some: ``Σ weight * down(act(gate) * up)``.

    Weights: ``{gate,up}_proj.weight``, ``[experts, width, hidden_size]``, and
    ``down_proj.weight``, ``[experts, hidden_size, width]``.

    Args:
        config: The decoder's dimensions.
        experts: How many there are.
        width: The inner size of each.
    """

    def __init__(self, config: DecoderConfig, *, experts: int, width: int) -> None:
        super().__init__()
        self.experts = experts
        self.act = activation(config.hidden_act)
        inner = (experts, width, config.hidden_size)
        outer = (experts, config.hidden_size, width)
        self.gate_proj = Weight("gate_proj.weight", config.dtype, inner, config.device)
        self.up_proj = Weight("up_proj.weight", config.dtype, inner, config.device)
        self.down_proj = Weight("down_proj.weight", config.dtype, outer, config.device)

    def __call__(self, x: TensorValue, experts: TensorValue, weights: TensorValue) -> TensorValue:
        """``[tokens, hidden_size]`` to the same, through the experts that a router chose."""
        path = self.grouped if grouped_on(x.device) else self.dense
        return path(x, experts, weights)

    def dense(self, x: TensorValue, experts: TensorValue, weights: TensorValue) -> TensorValue:
        """All experts as one wide MLP, whose inner columns count as much as their expert does.

        What an expert is not asked is multiplied by 0: right everywhere, and of the order of
        experts over ``top_k`` times the work.
        Arguments and result are those of a call.
        """
        count, width, hidden = (int(dim) for dim in self.gate_proj.shape)
        shares = shares_of(experts, weights, count)

        def wide(weight: Weight) -> TensorValue:
            return x @ ops.transpose(weight.reshape((count * width, hidden)), 0, 1)

        inner = self.act(wide(self.gate_proj)) * wide(self.up_proj)
        shared = inner.reshape((-1, count, width)).cast(DType.float32) * shares.reshape(
            (-1, count, 1)
        )
        down = ops.permute(self.down_proj, [0, 2, 1]).reshape((count * width, hidden))
        return shared.cast(x.dtype).reshape((-1, count * width)) @ down

    def grouped(self, x: TensorValue, experts: TensorValue, weights: TensorValue) -> TensorValue:
        """Each expert over its own tokens, brought together by MAX's kernels.

        Arguments and result are those of a call.
        """
        top_k = int(weights.shape[1])
        order, starts, restore, ids, stats = moe_create_indices(
            experts.reshape((-1,)).cast(DType.int32), self.experts
        )
        tokens = ops.gather(x, (order // top_k).cast(DType.int32), axis=0)
        gate = grouped_matmul_ragged(tokens, self.gate_proj, starts, ids, stats)
        up = grouped_matmul_ragged(tokens, self.up_proj, starts, ids, stats)
        down = grouped_matmul_ragged(self.act(gate) * up, self.down_proj, starts, ids, stats)
        return moe_finalize(down, restore, weights, x.dtype)


class MixtureOfExperts(Module):
    """Stands for the MLP of a block (Shazeer et al. 2017, arXiv:1701.06538).

    Weights: those of the router as ``gate``, and of the experts as ``experts``.
    """

    def __init__(self, *, router: Router, experts: Experts) -> None:
        super().__init__()
        self.gate = router
        self.experts = experts

    def __call__(self, x: TensorValue) -> TensorValue:
        """``[tokens, hidden_size]`` to the same."""
        return self.experts(x, *self.gate(x))
