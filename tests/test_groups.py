# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Groups of ports that compile together: balanced, and stable as ports come."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def java_hash(text: str) -> int:
    """Starlark's ``hash``: that of Java's String."""
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value - (value >> 31 << 32)


@pytest.fixture(scope="module")
def starlark() -> dict[str, Any]:
    """The definitions of groups.bzl, which is Python but for its ``hash``."""
    scope: dict[str, Any] = {"hash": java_hash}
    exec((ROOT / "bazel" / "groups.bzl").read_text(), scope)
    return scope


@pytest.fixture(params=range(5))
def names(request: pytest.FixtureRequest) -> list[str]:
    """The model types that ports may come to have, in an order of their coming."""
    rows = json.loads((ROOT / "tests" / "data" / "decoders.json").read_text())
    found = sorted({row["model_type"] for row in rows})
    random.Random(request.param).shuffle(found)
    return found


def test_groups_are_balanced(starlark: dict[str, Any], names: list[str]) -> None:
    for count in range(1, len(names) + 1):
        groups = starlark["groups_of"](names[:count])
        assert sorted(name for group in groups.values() for name in group) == sorted(names[:count])
        assert max(map(len, groups.values())) <= 2 * starlark["GROUP_SIZE"]


def test_a_new_port_changes_its_own_group_and_splits_at_most_one(
    starlark: dict[str, Any], names: list[str]
) -> None:
    before: dict[int, list[str]] = {}
    for count in range(1, len(names) + 1):
        after = starlark["groups_of"](names[:count])
        changed = {n for n in after if sorted(after[n]) != sorted(before.get(n, []))}
        # The port's own, and both halves of one that splits.
        assert len(changed) <= 3
        before = after
