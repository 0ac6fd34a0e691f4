# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which classes a port serves, read from its declaration; imports neither MAX nor the port."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any


def declared_classes(path: Path) -> list[str]:
    """Returns the classes that a deltas.py declares, the first first, without importing it."""
    given: dict[str, Any] = {"also": {}}
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Port":
            literals = (k for k in node.keywords if k.arg in ("class_name", "also"))
            given |= {str(k.arg): ast.literal_eval(k.value) for k in literals}
    return [given["class_name"], *given["also"]]
