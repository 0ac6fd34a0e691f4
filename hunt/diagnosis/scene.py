# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a rule sees of a divergence: both sides' tensors up to the first wrong one, and the weights.

Everything before the first wrong tensor agrees, so rules take inputs from the reference and ask
which arithmetic gives the port's tensor, and which the reference's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .difference import Taps, TensorDifference

Float = npt.NDArray[np.float64]


#: What explains less of the error than this is no hypothesis about it.
EXPLAINS = 0.5


@dataclass(frozen=True)
class Cause:
    """A likely cause.

    Attributes:
        id: One of those in docs/divergences.md.
        score: The share of the error that it explains, at most 1.
        evidence: What was measured, in a sentence.
    """

    id: str
    score: float
    evidence: str

    @property
    def share(self) -> str:
        """The score as a person reads it; below a half nothing was computed."""
        return f"{self.score:.0%}" if self.score > EXPLAINS else "a guess"


@dataclass
class Scene:
    """A divergence.

    Attributes:
        port: The port's tensors, ``[tokens, …]`` by name, prefill and then decode.
        reference: The reference's.
        wrong: The first wrong tensor.
        prefill: How many of the tokens are the prompt.
        decoding: Whether the prompt is right, and what was decoded after it is not.
        cache: Whether one prefill over the same tokens is right.
        config: The scalars of config.json.
        weights: The graph's weights by name, as the checkpoint has them; read when asked for.
        heads: Query heads.
        kv_heads: Key-value heads.
        head_dim: Columns of a head.
        noise: The error that rounding makes.
        everywhere: Each wrong tensor by name.
    """

    port: Taps
    reference: Taps
    wrong: TensorDifference
    prefill: int
    config: Mapping[str, float]
    weights: Mapping[str, Any]
    heads: int
    kv_heads: int
    head_dim: int
    noise: float
    decoding: bool = False
    cache: bool = False
    everywhere: Mapping[str, TensorDifference] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The first wrong tensor."""
        return self.wrong.name

    @property
    def part(self) -> str:
        """The last words of its name, ``.input`` with its taker."""
        *_, module, last = ("", *self.name.split("."))
        return f"{module}.input" if last == "input" else last

    @property
    def owner(self) -> str:
        """What it is a part of, such as ``layers.0.self_attn``."""
        words = self.name.removesuffix(".input").split(".")
        return ".".join(words[:-1])

    @property
    def layer(self) -> str:
        """Its layer, such as ``layers.0``; empty outside."""
        words = self.name.split(".")
        return ".".join(words[:2]) if words[0] == "layers" else ""

    @property
    def rows(self) -> slice:
        """The tokens in question."""
        return slice(self.prefill, None) if self.decoding else slice(0, self.prefill)

    @cached_property
    def z(self) -> Float:
        """The port's tensor, ``[tokens, channels]``."""
        return self.tokens(self.port[self.name])[self.rows]

    @cached_property
    def y(self) -> Float:
        """The reference's."""
        return self.tokens(self.reference[self.name])[self.rows]

    @staticmethod
    def tokens(tensor: Any) -> Float:
        """Returns any tensor as ``[tokens, channels]``."""
        return np.asarray(tensor).reshape(len(tensor), -1).astype(np.float64)

    def ref(self, name: str) -> Float | None:
        """Returns a tensor of the reference on the tokens in question."""
        tensor = self.reference.get(name)
        return None if tensor is None else self.tokens(tensor)[self.rows]

    def layer_input(self) -> Float | None:
        """Returns what enters the layer."""
        return self.ref(f"{self.layer}.input") if self.layer else None

    def weight(self, name: str) -> Float | None:
        """Returns a weight of the checkpoint by the graph's name."""
        return np.asarray(self.weights[name]).astype(np.float64) if name in self.weights else None

    def explained(self, hypothesis: Float) -> float:
        """Returns the share of the port's error that a hypothesis about the port explains."""
        return explained(self.z, self.y, hypothesis, self.noise)

    def scalars(self, factor: float, tolerance: float = 0.01) -> str:
        """Returns the config's scalars that a factor may come from, as the end of a sentence."""
        forms: dict[str, Any] = {
            "{}": lambda v: v,
            "1 / {}": lambda v: 1 / v,
            "√{}": lambda v: v**0.5,
            "1 / √{}": lambda v: v**-0.5,
        }
        named = [
            form.format(key)
            for key, value in self.config.items()
            for form, of in forms.items()
            if value > 0 and value != 1 and abs(of(value) / factor - 1) < tolerance
        ]
        return f", which is {' or '.join(named[:4])}" if named and abs(factor - 1) > 0.01 else ""


def explained(z: Float, y: Float, hypothesis: Float, noise: float) -> float:
    """Returns which share of ``z - y`` is gone when ``y`` is replaced by ``hypothesis``."""
    if hypothesis.shape != z.shape or not np.isfinite(hypothesis).all():
        return 0.0
    error = float(np.linalg.norm(z - y))
    # What rounding would leave of any hypothesis is not held against this one.
    left = max(float(np.linalg.norm(z - hypothesis)) - 2 * noise * float(np.linalg.norm(z)), 0.0)
    return max(1.0 - left / error, 0.0) if error else 0.0


def fits(tensor: Float, hypothesis: Float, noise: float) -> bool:
    """Returns whether a tensor is what a hypothesis says, but for rounding."""
    size = float(np.linalg.norm(tensor))
    return float(np.linalg.norm(tensor - hypothesis)) <= max(4 * noise, 1e-6) * size


Rule = Iterator[Cause]
