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
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node
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
    return all_located(model_types, reference)[0][1]


def all_located(model_types: Iterable[str], reference: str) -> list[tuple[str, str]]:
    """Returns each name that a delta's reference gives, in full, and its ``file.py:line``.

    Raises:
        PortError: As :func:`located`.
    """
    files = [file for model_type in model_types for file in sources(model_type)]
    return [place for each in reference.split(",") for place in _places(files, each.strip())]


def _places(files: list[Path], reference: str) -> list[tuple[str, str]]:
    """Where one part of a reference is: in each of a port's models, if it has several."""
    found: dict[str, str] = {}
    for name in reference.removesuffix("?").split("|"):
        for file in files:
            fitting = _fitting(_definitions(file), name)
            if len(fitting) > 1:
                raise PortError(f"{file.name} has several {name}: {', '.join(sorted(fitting))}")
            for known, node in fitting.items():
                found.setdefault(known, f"{file.name}:{getattr(node, 'lineno', 1)}")
        if found:
            return list(found.items())
    if reference.endswith("?"):
        return []
    names = [name for file in files for name in _definitions(file)]
    raise PortError(f"transformers has no {reference}{nearest(reference, names)}")


def definition(model_types: Iterable[str], reference: str) -> str | None:
    """Returns the first full name that a reference gives, or None if there is none."""
    try:
        return all_located(model_types, reference)[0][0]
    except PortError:
        return None


def _fitting(definitions: dict[str, ast.AST], name: str) -> dict[str, ast.AST]:
    if not name.startswith("*"):
        return {name: definitions[name]} if name in definitions else {}
    return {known: node for known, node in definitions.items() if known.endswith(name[1:])}
