# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a directory of compiled graphs was made from, so that nothing else is served with it.

MAX's ``--export-mefs`` writes such a directory and ``--precompiled-mefs`` reads it, by names and
signatures. ``compiled.json`` beside them holds the decoders themselves: two that differ in a
constant have one signature.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from max.driver import Buffer, DLPackArray
from max.dtype import DType
from max.graph import Graph

from common.errors import PortError

from .target import Target

RECORD = "compiled.json"
#: Graphs say where kernels lie on the machine that built them, which changes nothing.
_PLACES = re.compile(r"_kernel_library_paths = \[[^\]]*\]")


def body(graph: Graph) -> str:
    """Returns what a graph computes, and nothing of where it was built."""
    return _PLACES.sub("_kernel_library_paths = []", repr(graph))


def max_version() -> str:
    """Returns the version of MAX."""
    return importlib.metadata.version("max")


@dataclass(frozen=True)
class Record:
    """What a directory of compiled graphs was made from.

    Attributes:
        max: MAX's version: its artifacts are of no use to another.
        target: The name of the :class:`Target`.
        encoding: What the target computes in.
        max_length: The longest sequence, in tokens.
        bodies: The decoders by name.
        weights: Dtype and shape of each of their weights, where they are one module.
    """

    max: str
    target: str
    encoding: str
    max_length: int
    bodies: Mapping[str, str]
    weights: Mapping[str, tuple[str, list[int]]] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        """Writes it beside the artifacts."""
        (directory / RECORD).write_text(json.dumps(asdict(self), indent=1) + "\n")

    def joined(self, other: Record) -> Record:
        """Returns the record of a module that holds the graphs of both."""
        bodies, weights = {**self.bodies, **other.bodies}, {**self.weights, **other.weights}
        return replace(self, bodies=bodies, weights=weights)

    @classmethod
    def read(cls, directory: Path) -> Record:
        """Reads it.

        Raises:
            PortError: If there is none, or it is damaged.
        """
        try:
            return cls(**json.loads((directory / RECORD).read_text()))
        except OSError:
            raise PortError(
                f"{directory} has no {RECORD}: it is no finished `ports compile`"
            ) from None
        except (ValueError, TypeError) as error:
            raise PortError(f"{directory / RECORD} is damaged: {error}") from None

    @property
    def made_for(self) -> Target:
        """What it was compiled for."""
        return Target(self.target, self.encoding)

    def check(self, wanted: Record, directory: Path) -> None:
        """Refuses a record that holds other graphs than those wanted, or not all of them.

        Raises:
            PortError: Naming what differs.
        """
        for what in ("max", "target", "encoding", "max_length"):
            recorded, here = getattr(self, what), getattr(wanted, what)
            if recorded != here:
                raise PortError(f"{directory} is compiled for {what} {recorded}, not {here}")
        for name, text in wanted.bodies.items():
            if name not in self.bodies:
                raise PortError(f"{directory} has no graph {name}; compile it again")
            if self.bodies[name] != text:
                differ = _first_difference(self.bodies[name], text)
                raise PortError(f"{directory} is compiled from another {name}: {differ}")

    def placeholders(self, given: Mapping[str, DLPackArray]) -> dict[str, DLPackArray]:
        """Returns zeros for the weights of graphs that will not run: MAX asks for all."""
        return {
            name: Buffer.zeros(shape, DType[dtype])
            for name, (dtype, shape) in self.weights.items()
            if name not in given
        }


def _first_difference(one: str, other: str) -> str:
    pairs = zip(one.splitlines(), other.splitlines(), strict=False)
    number, lines = next(
        ((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1]), (0, ("", ""))
    )
    compiled, here = (line.strip()[:120] for line in lines)
    return f"line {number} was {compiled!r} and is {here!r}"
