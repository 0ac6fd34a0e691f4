# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The pages say what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.prove.list import PAGE, page

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "ARCHITECTURE.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


def test_the_support_matrix_is_generated() -> None:
    assert (ROOT / PAGE).read_text() == page(), "run ./ports list --markdown --write"


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_points_to_is_there(name: str) -> None:
    text = (ROOT / name).read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    # Sources that are named in code, but for those of a port that is made on the way.
    sources = re.findall(r"`((?:common|proof|hunt|tools|tests|bazel|bench|docs)/[\w/.]+)`", text)
    for target in links:
        assert ((ROOT / name).parent / target).exists(), target
    for target in sources:
        assert (ROOT / target).exists(), target
