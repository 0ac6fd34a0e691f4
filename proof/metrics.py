# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far two sets of logits are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Agreement:
    """Agreement over a range of positions.

    Attributes:
        positions: How many.
        max_sigma: Largest |Δlogit| over the standard deviation of the oracle's logits.
        kl: Largest KL divergence of a position, oracle to port, in nats.
        cosine: Largest cosine distance between the logits of a position.
        top1: Share of the positions whose argmax is the oracle's, or a tie with it.
    """

    positions: int
    max_sigma: float
    kl: float
    cosine: float
    top1: float


def log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns log probabilities over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def agreement(port: Array, oracle: Array, *, tie: float = 0.0) -> Agreement:
    """Compares ``[positions, vocab_size]`` logits, in float64.

    Args:
        port: The port's.
        oracle: The reference's.
        tie: A lead of the oracle's choice, in deviations of its logits, that counts as none.
    """
    a, b = port.astype(np.float64), oracle.astype(np.float64)
    p, q = log_softmax(b), log_softmax(a)
    lead = b.max(-1) - np.take_along_axis(b, a.argmax(-1, keepdims=True), -1)[:, 0]
    return Agreement(
        positions=len(a),
        max_sigma=float(np.abs(a - b).max() / b.std()),
        kl=float((np.exp(p) * (p - q)).sum(-1).max()),
        cosine=float((1 - (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))).max()),
        top1=float((lead <= tie * b.std()).mean()),
    )


def moved(changed: Array, oracle: Array) -> float:
    """Returns max |Δlogit| / σ between an oracle and the same with a delta taken out."""
    return float(np.abs(changed - oracle).max() / oracle.std())
