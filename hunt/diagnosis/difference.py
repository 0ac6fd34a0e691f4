# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far a port's tensors are from the reference's, and which of them is the first that is wrong.

Errors are relative, token by token, so that one wrong token counts as much as all of them.
A tensor is wrong if its error is more than rounding makes of the errors before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Taps = Mapping[str, Array]


@dataclass(frozen=True)
class Rounding:
    """What rounding may do.

    Attributes:
        start: The error of a tensor whose inputs are exact.
        growth: By how much one step may enlarge the largest error before it.
        most: The error of any tensor, however deep.
    """

    start: float
    growth: float
    most: float


ROUNDING = {
    # Measured over the fixtures and ten seeds: 1e-6 after the embedding, 4e-6 at the logits; a
    # single step enlarged the error by up to 2.
    "float32": Rounding(start=4e-6, growth=3.0, most=2e-4),
    # A rounding is 2^-9 of a value; a token's worst tensor is off by several of them: 1e-2 was
    # measured early and 4e-2 at the logits.
    "bfloat16": Rounding(start=1.5e-2, growth=3.0, most=0.15),
}


@dataclass(frozen=True)
class TensorDifference:
    """One tensor on both sides.

    Attributes:
        name: The tensor.
        shape: Of the port's, ``[tokens, …]``.
        cosine: Of the whole tensors.
        relative: ``|port - reference| / |reference|`` of the whole tensors.
        worst: The largest error of one value, …
        at: … and its token and channel.
        norm_ratio: ``|port| / |reference|``.
        by_token: Each token's relative error.
        by_channel: Each channel's relative error.
        limit: The error of a token from which on the tensor is wrong.
    """

    name: str
    shape: tuple[int, ...]
    cosine: float
    relative: float
    worst: float
    at: tuple[int, int]
    norm_ratio: float
    by_token: Array
    by_channel: Array
    limit: float

    @property
    def error(self) -> float:
        """The largest relative error of a token."""
        return float(self.by_token.max(initial=0.0))

    @property
    def wrong(self) -> bool:
        """Whether it is more than rounding."""
        return not self.error <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "cosine": _short(self.cosine, 9),
            "relative": _short(self.relative),
            "worst": _short(self.worst),
            "at": list(self.at),
            "norm_ratio": _short(self.norm_ratio, 9),
            "error": _short(self.error),
            "limit": _short(self.limit),
            "wrong": self.wrong,
            "by_token": [_short(value) for value in self.by_token],
            "by_channel": [_short(value) for value in self.by_channel],
        }


def _short(value: float | np.float32, digits: int = 3) -> float | None:
    """Returns a number as JSON can say it: shortly, and none where there is none."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None


def _profile(error: Array, size: Array) -> Array:
    """Returns errors over sizes; what is nearly 0 on its own is measured by its neighbours."""
    typical = float(np.sqrt(np.mean(size**2))) if size.size else 0.0
    base = np.maximum(size, 0.1 * typical)
    return np.divide(error, base, out=np.where(error > 0, np.inf, 0.0), where=base > 0)


def difference(name: str, port: Array, reference: Array, limit: float = 0.0) -> TensorDifference:
    """Compares a tensor with the reference's of the same number of elements."""
    shape = port.shape
    a = port.reshape(shape[0], -1).astype(np.float64)
    b = reference.reshape(a.shape).astype(np.float64)
    # Where both are infinite alike, as under a mask, they agree.
    delta = np.where(a == b, 0.0, np.nan_to_num(a - b, nan=np.inf, posinf=np.inf, neginf=np.inf))
    flat = int(np.abs(delta).argmax()) if delta.size else 0
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return TensorDifference(
            name,
            shape,
            cosine=float((a * b).sum() / (sizes[0] * sizes[1])) if all(sizes) else float(a is b),
            relative=float(np.linalg.norm(delta) / sizes[1]) if sizes[1] else 0.0,
            worst=float(np.abs(delta).max(initial=0.0)),
            at=(flat // max(a.shape[1], 1), flat % max(a.shape[1], 1)),
            norm_ratio=sizes[0] / sizes[1] if sizes[1] else float("inf"),
            by_token=_profile(np.linalg.norm(delta, axis=1), np.linalg.norm(b, axis=1)),
            by_channel=_profile(np.linalg.norm(delta, axis=0), np.linalg.norm(b, axis=0)),
            limit=limit,
        )


def comparable(port: Taps, reference: Taps) -> list[str]:
    """Returns the tensors that both sides have, in the order of the port's graph."""
    return [
        name
        for name, tensor in port.items()
        if name in reference and reference[name].size == tensor.size
    ]


def differences(port: Taps, reference: Taps, rounding: Rounding) -> list[TensorDifference]:
    """Compares everything comparable, in the order of the port's graph."""
    found: list[TensorDifference] = []
    before = rounding.start
    for name in comparable(port, reference):
        limit = min(before * rounding.growth, rounding.most)
        found.append(difference(name, port[name], reference[name], limit))
        if not found[-1].wrong:
            before = max(before, found[-1].error)
    return found


def first_wrong(found: Sequence[TensorDifference]) -> TensorDifference | None:
    """Returns the first tensor that is more than rounding off."""
    return next((difference for difference in found if difference.wrong), None)
