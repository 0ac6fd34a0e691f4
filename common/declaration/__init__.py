# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a port declares of itself, as data: fixtures, deltas, witnesses.

Importing it needs neither torch nor MAX. ``deltas`` has those that many ports share.
"""

from . import deltas, harmless
from .converters import GGUF, PAIRED_ROWS
from .port import PROMPTS, Delta, Fixture, Port, rope
from .witnesses import (
    Unimplemented,
    WithConfig,
    WithModules,
    WithRope,
    WithWeights,
    Witness,
    off,
    without,
)

__all__ = [
    "GGUF",
    "PAIRED_ROWS",
    "PROMPTS",
    "Delta",
    "Fixture",
    "Port",
    "Unimplemented",
    "WithConfig",
    "WithModules",
    "WithRope",
    "WithWeights",
    "Witness",
    "deltas",
    "harmless",
    "off",
    "rope",
    "without",
]
