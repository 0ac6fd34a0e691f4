# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""The README says what is true."""

from __future__ import annotations

from pathlib import Path

from tools.list import markdown_table

README = Path(__file__).parents[1] / "README.md"


def test_the_support_matrix_is_generated() -> None:
    _, rest = README.read_text().split("<!-- ./ports list --markdown -->\n")
    assert rest.split("<!-- end -->")[0] == markdown_table()
