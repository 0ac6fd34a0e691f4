# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RoPE parameters in one spelling, and the inverse frequencies of each rope_type.

Each scaling is a small function from the parameters to inverse frequencies and the factor
on cos and sin, following ``transformers/modeling_rope_utils.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.errors import PortError

Frequencies = tuple[npt.NDArray[np.float32], float]


@dataclass(frozen=True, kw_only=True)
class RopeParameters:
    """What ``rope_parameters`` of a config says about one kind of layer.

    Attributes:
        rope_type: A key of :data:`ROPE_TYPES`.
        rope_theta: The base of the frequencies.
        head_dim: Columns of a head.
        partial_rotary_factor: Share of the columns that rotate; the rest pass through.
        max_position_embeddings: The length the checkpoint was trained for, in tokens.
        scaling: The other entries, which belong to the rope_type.
    """

    rope_type: str
    rope_theta: float
    head_dim: int
    partial_rotary_factor: float
    max_position_embeddings: int
    scaling: Mapping[str, Any]

    @classmethod
    def read(
        cls, parameters: Mapping[str, Any], *, head_dim: int, max_position_embeddings: int
    ) -> RopeParameters:
        """Reads the ``rope_parameters`` of a transformers 5 config object.

        Raises:
            PortError: If the rope_type is not one of :data:`ROPE_TYPES`,
                or what rotates are no pairs of columns.
        """
        rest = dict(parameters)
        if rest and all(isinstance(value, Mapping) for value in rest.values()):
            raise PortError(
                "rope_parameters in config.json differ by kind of layer"
                f" ({', '.join(map(str, rest))}), as no layer of this architecture does"
            )
        rope_type = rest.pop("rope_type", "default")
        rest.pop("type", None)
        if rope_type not in ROPE_TYPES:
            raise PortError(
                f"rope_type {rope_type!r} in config.json is not supported"
                f" (supported: {', '.join(sorted(ROPE_TYPES))})"
            )
        found = cls(
            rope_type=rope_type,
            rope_theta=float(rest.pop("rope_theta")),
            head_dim=head_dim,
            partial_rotary_factor=float(rest.pop("partial_rotary_factor", 1.0)),
            max_position_embeddings=max_position_embeddings,
            scaling=rest,
        )
        odd = found.rotary_dim % 2 or head_dim % 2
        if odd or not 0 <= found.rotary_dim <= head_dim:
            raise PortError(
                f"{found.rotary_dim} of a head's {head_dim} columns rotate by config.json"
                f" (partial_rotary_factor {found.partial_rotary_factor:g}); only pairs of them can"
            )
        # What they cannot be computed from is refused here, with its key.
        frequencies, factor = found.frequencies()
        if not (np.isfinite(frequencies).all() and math.isfinite(factor)):
            raise ValueError("its frequencies are no finite numbers")
        return found

    @property
    def rotary_dim(self) -> int:
        """Columns of a head that rotate."""
        if self.rope_type == "proportional":
            # The share is one of the pairs, and these are all columns apart.
            return self.head_dim
        return int(self.head_dim * self.partial_rotary_factor)

    @property
    def longest(self) -> float:
        """Positions up to which the reference keeps its frequencies, whatever the sequence."""
        if self.rope_type == "dynamic":
            return self.max_position_embeddings
        if self.rope_type == "longrope":
            return float(self.scaling["original_max_position_embeddings"])
        return math.inf

    def check(self, length: int) -> None:
        """Raises if a table of frequencies cannot serve sequences of ``length`` tokens.

        Raises:
            PortError: If the reference would change its frequencies within one.
        """
        if length > self.longest:
            raise PortError(
                f"with rope_type {self.rope_type!r} the reference changes its frequencies once a"
                f" sequence is longer than {self.longest:.0f} tokens, which a compiled table cannot"
                f" follow; serve with --max-length {self.longest:.0f} or less"
            )

    def frequencies(self) -> Frequencies:
        """Returns ``[head_dim / 2]`` float32 radians per position, and the factor on cos and sin.

        Pass-through pairs have frequency 0, so that one rotation over the full head serves
        partial rotations too (see :class:`common.adapters.CanonicalRope`).
        """
        rotating, factor = ROPE_TYPES[self.rope_type](self)
        padding = self.head_dim // 2 - len(rotating)
        return np.pad(rotating, (0, padding)).astype(np.float32), factor


def _inverse(rope: RopeParameters, theta: float | None = None) -> npt.NDArray[np.float64]:
    """``theta ** (-2i / d)`` (Su et al. 2021, arXiv:2104.09864, eq. 15)."""
    exponents = np.arange(0, rope.rotary_dim, 2, dtype=np.float64) / rope.rotary_dim
    return 1.0 / (theta or rope.rope_theta) ** exponents


def _default(rope: RopeParameters) -> Frequencies:
    return _inverse(rope).astype(np.float32), 1.0


def _linear(rope: RopeParameters) -> Frequencies:
    """Position interpolation (Chen et al. 2023, arXiv:2306.15595)."""
    return (_inverse(rope) / rope.scaling["factor"]).astype(np.float32), 1.0


def _llama3(rope: RopeParameters) -> Frequencies:
    """Stretches long wavelengths only, with a ramp between (modeling_rope_utils.py, llama3)."""
    s = rope.scaling
    inverse = _inverse(rope)
    wavelength = 2 * math.pi / inverse
    turns = s["original_max_position_embeddings"] / wavelength
    ramp = (turns - s["low_freq_factor"]) / (s["high_freq_factor"] - s["low_freq_factor"])
    ramp = np.clip(ramp, 0.0, 1.0)
    return ((1 - ramp) * inverse / s["factor"] + ramp * inverse).astype(np.float32), 1.0


def _yarn(rope: RopeParameters) -> Frequencies:
    """YaRN (Peng et al. 2023, arXiv:2309.00071; modeling_rope_utils.py, yarn)."""
    s = rope.scaling
    length = s.get("original_max_position_embeddings") or rope.max_position_embeddings
    factor = s.get("factor") or rope.max_position_embeddings / length

    def magnitude(scale: float, mscale: float = 1.0) -> float:
        return 1.0 if scale <= 1 else 0.1 * mscale * math.log(scale) + 1.0

    attention = s.get("attention_factor")
    if attention is None and s.get("mscale") and s.get("mscale_all_dim"):
        attention = magnitude(factor, s["mscale"]) / magnitude(factor, s["mscale_all_dim"])
    elif attention is None:
        attention = magnitude(factor)

    def pair_with(turns: float) -> float:
        numerator = rope.rotary_dim * math.log(length / (turns * 2 * math.pi))
        return numerator / (2 * math.log(rope.rope_theta))

    low, high = pair_with(s.get("beta_fast") or 32), pair_with(s.get("beta_slow") or 1)
    if s.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, rope.rotary_dim - 1)
    # Equal ends would divide by zero; the reference widens by the same amount.
    ramp = np.arange(rope.rotary_dim // 2) - low
    ramp = np.clip(ramp / (high - low if high != low else 0.001), 0.0, 1.0)
    inverse = _inverse(rope)
    return ((1 - ramp) * inverse + ramp * inverse / factor).astype(np.float32), attention


def _dynamic(rope: RopeParameters) -> Frequencies:
    """NTK by length: up to :attr:`RopeParameters.longest` it is the plain rotation."""
    return _default(rope)


def _longrope(rope: RopeParameters) -> Frequencies:
    """LongRoPE's short factors (Ding et al. 2024, arXiv:2402.13753; modeling_rope_utils.py)."""
    s, inverse = rope.scaling, _inverse(rope)
    short = np.asarray(s["short_factor"], np.float64)
    if short.shape != inverse.shape:
        raise PortError(
            f"short_factor in config.json has {short.size} numbers; a head has {inverse.size} pairs"
        )
    length = s["original_max_position_embeddings"]
    factor, attention = s.get("factor"), s.get("attention_factor")
    factor = rope.max_position_embeddings / length if factor is None else factor
    if attention is None:
        attention = math.sqrt(1 + math.log(factor) / math.log(length)) if factor > 1 else 1.0
    return (inverse / short).astype(np.float32), attention


def _proportional(rope: RopeParameters) -> Frequencies:
    """The first pairs rotate, as of a whole head (modeling_rope_utils.py, proportional)."""
    rotating = int(rope.partial_rotary_factor * rope.head_dim // 2)
    inverse = _inverse(rope) / rope.scaling.get("factor", 1.0)
    inverse[rotating:] = 0.0
    return inverse.astype(np.float32), 1.0


#: How each rope_type turns parameters into frequencies. Some of the reference's depend on the
#: length of the sequence in flight: those serve up to :attr:`RopeParameters.longest`.
ROPE_TYPES: Mapping[str, Callable[[RopeParameters], Frequencies]] = {
    "default": _default,
    "dynamic": _dynamic,
    "linear": _linear,
    "llama3": _llama3,
    "longrope": _longrope,
    "proportional": _proportional,
    "yarn": _yarn,
}
