# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A class's name means one thing, and a module is short enough to be read in one go."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("architectures", "common", "hunt", "proof", "tools")
LONGEST = 350


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        found = sorted((ROOT / folder).rglob("*.py"))
        # A folder that moves would hold whatever is asked of it.
        assert found, folder
        yield from found


def test_no_class_name_means_two_things() -> None:
    places = defaultdict(set)
    for source in sources():
        for node in ast.parse(source.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].add(str(source.relative_to(ROOT)))
    assert {name: sorted(files) for name, files in places.items() if len(files) > 1} == {}


def test_no_module_is_long() -> None:
    lengths = {str(s.relative_to(ROOT)): len(s.read_text().splitlines()) for s in sources()}
    assert {file: lines for file, lines in lengths.items() if lines > LONGEST} == {}
