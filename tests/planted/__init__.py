# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Faults planted in ports, which hunts must find: a module a port, named as the port is."""

from __future__ import annotations

import importlib
from pathlib import Path

from architectures import load_port, slugs
from common.declaration import Fixture
from hunt.trace import hunted

from .kinds import Fault

#: Modules that plant nothing.
_SHARED = {"__init__", "kinds", "planted", "trace"}
_FOUND = {
    file.stem: importlib.import_module(f"{__name__}.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("*.py"))
    if file.stem not in _SHARED
}
#: The fixture of each port that faults are planted in: two layers show what a fault needs, one
#: kind each, and a second to carry the error on.
FIXTURES: dict[str, Fixture] = {slug: module.FIXTURE for slug, module in _FOUND.items()}
#: Every fault, with its port.
FAULTS: list[tuple[str, Fault]] = [
    (slug, fault) for slug in _FOUND for fault in _FOUND[slug].FAULTS
]


def healthy() -> dict[str, Fixture]:
    """Returns the fixture of each port that is hunted in and has no faults."""
    found = {slug: hunted(load_port(slug)) for slug in slugs() if slug not in FIXTURES}
    return {slug: fixture for slug, fixture in found.items() if fixture}
