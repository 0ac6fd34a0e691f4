# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where in transformers' sources a delta's reference is, and what a line there belongs to."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import PortError, nearest

from . import installed


@functools.cache
def _definitions(file: Path) -> dict[str, ast.AST]:
    """The functions, classes, methods and attributes of a file, by their names."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            found[node.name] = node
            found |= {f"{node.name}.{name}": part for part in node.body for name in _names(part)}
    return found


def _names(part: ast.stmt) -> Iterator[str]:
    if isinstance(part, ast.FunctionDef):
        yield part.name
    elif isinstance(part, ast.Assign | ast.AnnAssign):
        targets = part.targets if isinstance(part, ast.Assign) else [part.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def sources(model_type: str) -> list[Path]:
    """Returns the files of a model type that a reference may be in: its code and its config."""
    modeling = installed.modeling_file(model_type)
    if modeling is None:
        return []
    config = modeling.with_name(modeling.name.replace("modeling_", "configuration_", 1))
    return [file for file in (modeling, config) if file.is_file()]


def located(model_types: Iterable[str], reference: str) -> str:
    """Returns ``file.py:line`` of a delta's reference; see :class:`common.declaration.Delta`.

    Raises:
        PortError: If there is no such function, class, method or attribute, or several fit.
    """
    files = [file for model_type in model_types for file in sources(model_type)]
    for name in reference.split("|"):
        for file in files:
            fitting = _fitting(_definitions(file), name)
            if len(fitting) > 1:
                raise PortError(f"{file.name} has several {name}: {', '.join(sorted(fitting))}")
            for node in fitting.values():
                return f"{file.name}:{getattr(node, 'lineno', 1)}"
    known = [name for file in files for name in _definitions(file)]
    raise PortError(f"transformers has no {reference}{nearest(reference, known)}")


def _fitting(definitions: dict[str, ast.AST], name: str) -> dict[str, ast.AST]:
    if not name.startswith("*"):
        return {name: definitions[name]} if name in definitions else {}
    return {known: node for known, node in definitions.items() if known.endswith(name[1:])}


def enclosing(file: Path, line: int) -> str | None:
    """Returns the name of what a line belongs to, the innermost that a reference can name."""
    found, size = None, None
    for name, node in _definitions(file).items():
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
        if first <= line <= last and (size is None or last - first < size):
            found, size = name, last - first
    return found
