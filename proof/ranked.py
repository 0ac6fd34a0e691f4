# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which forms of a fixture are proven: whole, and divided over ranks of one device."""

from __future__ import annotations

from dataclasses import dataclass

from common.compiled.target import Target
from common.declaration import Fixture, Port

from .checkpoints import fixture_config


@dataclass(frozen=True)
class Form:
    """A fixture, over some ranks.

    Attributes:
        fixture: Its name.
        ranks: How many; one is the whole.
    """

    fixture: str
    ranks: int

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.fixture if self.ranks == 1 else f"{self.fixture} on {self.ranks} ranks"

    def key(self, port: Port) -> str:
        """Returns the name of its graph in a module of many."""
        divided = f"/{self.ranks}_ranks" if self.ranks > 1 else ""
        return f"{port.model_type}/{self.fixture}{divided}"


def forms(port: Port, fixture: Fixture, target: Target) -> list[Form]:
    """Returns the forms of a fixture.

    Each is divided in two. The first of a port with two key-value heads is divided in four too, so
    that a head is on two ranks. On several devices there is one form, with a rank on each.
    """
    if target.count > 1:
        return [Form(fixture.name, 1)]
    shared = next((each for each in port.fixtures if _kv_heads(port, each) == 2), None)
    return [Form(fixture.name, ranks) for ranks in ((1, 2, 4) if fixture is shared else (1, 2))]


def _kv_heads(port: Port, fixture: Fixture) -> int:
    config = port.architecture(fixture.class_name).config
    found: int = config.from_huggingface(fixture_config(port, fixture)).num_key_value_heads
    return found
