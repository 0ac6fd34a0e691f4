# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a checkpoint has of the features, and which architecture a port of it would start from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import installed
from .features import FEATURES, NO, YES, Code, Config, code_of, of_class


@dataclass(frozen=True)
class Shown:
    """A feature that a checkpoint has, or that its class could have.

    Attributes:
        name: The feature's.
        part: Where it is.
        state: YES, or BRANCH where only another checkpoint of the class has it.
        where: The reference's line, ``file.py:line``.
    """

    name: str
    part: str
    state: str
    where: str


def deltas(code: Code, config: Config) -> list[Shown]:
    """Returns the features of a checkpoint and of its class, in the order of the table."""
    found = ((feature, *feature.of(code, config)) for feature in FEATURES)
    return [
        Shown(feature.name, feature.part, state, where)
        for feature, state, where in found
        if state != NO
    ]


@dataclass(frozen=True)
class Nearby:
    """An architecture to start from.

    Attributes:
        name: The class.
        slug: Its folder.
        origin: ``ports`` or ``max``.
        adds: Features of the model that the donor's class does not have.
        removes: Features that the donor's class always has, and the model does not.
    """

    name: str
    slug: str
    origin: str
    adds: tuple[str, ...]
    removes: tuple[str, ...]

    @property
    def differences(self) -> int:
        """How many features a port would change."""
        return len(self.adds) + len(self.removes)


def donors(code: Code, config: Config, class_name: str | None) -> list[Nearby]:
    """Returns what is registered, by how little the model differs; ours first among equals.

    A donor is taken to do what transformers does for its class, in every branch.
    """
    wanted = {delta.name for delta in deltas(code, config) if delta.state == YES}
    found = []
    places = [(installed.port_names(), "ports"), (installed.max_names(), "max")]
    for names, origin in places:
        for name, slug in names.items():
            model_type = installed.causal_types().get(name)
            theirs = code_of(name, model_type) if model_type and name != class_name else None
            if theirs is None or not re.search(r"class \w*Attention\b", theirs.text):
                # Code that is another class's says nothing.
                continue
            states = {feature: state for feature, (state, _) in of_class(theirs).items()}
            adds = tuple(sorted(n for n in wanted if states[n] == NO))
            removes = tuple(sorted(n for n, s in states.items() if s == YES and n not in wanted))
            found.append(Nearby(name, slug, origin, adds, removes))
    return sorted(found, key=lambda donor: (donor.differences, donor.origin != "ports", donor.name))
