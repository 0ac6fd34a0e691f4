# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rewrites source of ours for a package of its own: by its syntax tree, keeping its comments."""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from common.errors import PortError

from .parts import (
    TAKEN,
    VALUES,
    Closure,
    Module,
    Part,
    aliased,
    is_ours,
    module_named,
    origin,
    parsed,
    resolve,
    uses,
)


class Edits:
    """Changes to a text, by the positions of its syntax tree; applied all at once."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        lines = self.source.splitlines(keepends=True)
        self.starts = [0]
        for line in lines:
            self.starts.append(self.starts[-1] + len(line))
        self.lines = [line.decode() for line in lines]
        self.changes: list[tuple[int, int, str]] = []

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Returns where a node begins and ends, in bytes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = self.starts[node.lineno - 1] + node.col_offset
        return begin, self.starts[node.end_lineno - 1] + node.end_col_offset

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Puts a text in a node's place."""
        self.changes.append((*self.span(node), text))

    def remove(self, node: ast.stmt) -> None:
        """Takes a statement out, with its decorators and the comment above it."""
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(d.lineno for d in decorators)])
        while first > 1 and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        self.changes.append((self.starts[first - 1], self.starts[node.end_lineno or first], ""))

    def apply(self, begin: int = 0, end: int | None = None) -> str:
        """Returns the changed text, or what became of a piece of it."""
        text, position = b"", begin
        end = len(self.source) if end is None else end
        for start, stop, replacement in sorted(self.changes):
            if start >= position and stop <= end:
                text += self.source[position:start] + replacement.encode()
                position = stop
        return (text + self.source[position:end]).decode()


@dataclass
class ExportedPackage:
    """Where the modules of ours go.

    Attributes:
        places: For each module of ours, its dotted name in the package.
        absolute: Whether modules of the package import each other by plain names.
    """

    places: Mapping[str, str]
    absolute: bool = False

    def importing(self, here: str, part: Part) -> str:
        """Returns the statement, in the module placed ``here``, that imports a part."""
        place = self.places[part.module]
        if self.absolute:
            return f"from {place} import {part.name}"
        own, other = here.split(".")[:-1], place.split(".")
        while own and own[0] == other[0]:
            own, other = own[1:], other[1:]
        return f"from {'.' * (len(own) + 1)}{'.'.join(other)} import {part.name}"


@dataclass
class Rewriter:
    """Rewrites one module.

    Args:
        module: The module.
        closure: What is needed of other modules.
        package: Where it goes.
    """

    module: Module
    closure: Closure
    package: ExportedPackage
    whole: bool = field(init=False)

    def __post_init__(self) -> None:
        self.whole = self.module in self.closure.whole
        self.here = self.package.places[self.module.name]
        self.edits = Edits(self.module.source)

    def text(self) -> str:
        """Returns the module's text in its new place."""
        if not self.whole:
            self._prune()
        for node in ast.walk(self.module.tree):
            if isinstance(node, ast.ImportFrom):
                self._import(node)
            elif isinstance(node, ast.Import) and any(is_ours(a.name) for a in node.names):
                raise PortError(f"{self.module.name} imports a module of ours by its whole name")
            elif isinstance(node, ast.Name | ast.Attribute):
                self._name(node)
        return without_header(self.edits.apply())

    def _held(self, name: str) -> bool:
        return Part(self.module.name, name) in self.closure.parts

    def _prune(self) -> None:
        held = {id(n) for name, n in self.module.definitions.items() if self._held(name)}
        for name, node in self.module.definitions.items():
            if id(node) not in held:
                self.edits.remove(node)
            elif f"{self.module.name}.{name}" in VALUES:
                self._write_out(name, node)
            elif isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and not self._held(
                        f"{name}.{method.name}"
                    ):
                        self.edits.remove(method)

    def _write_out(self, name: str, node: ast.stmt) -> None:
        """Puts a function's value in the place of what it does."""
        assert isinstance(node, ast.FunctionDef)
        value = getattr(importlib.import_module(self.module.name), name)()
        first, last = (self.edits.span(node.body[i])[i] for i in (0, -1))
        if ast.get_docstring(node):
            first = self.edits.span(node.body[1])[0]
        self.edits.changes.append((first, last, f"return {value!r}"))

    def _import(self, node: ast.ImportFrom) -> None:
        name, is_package = self.module.name, self.module.is_package
        source = origin(node, name if is_package else name.rpartition(".")[0])
        if not is_ours(source):
            return
        statements: dict[str, None] = {}
        for alias in node.names:
            part = resolve(source, alias.name)
            if part is None:
                parts = self._parts_of(f"{source}.{alias.name}")
                statements |= dict.fromkeys(self.package.importing(self.here, p) for p in parts)
            elif taken := TAKEN.get(str(part)):
                statements |= dict.fromkeys(importing(taken))
            elif part.module in self.package.places:
                renamed = f" as {alias.asname}" if alias.asname else ""
                statements[self.package.importing(self.here, part) + renamed] = None
        indent = "\n" + " " * node.col_offset
        self.edits.replace(node, indent.join(statements) or "pass" * bool(node.col_offset))

    def _parts_of(self, source: str) -> list[Part]:
        """The parts that are used through a module's name."""
        found = {
            resolve(source, node.attr)
            for node in ast.walk(self.module.tree)
            if isinstance(node, ast.Attribute) and aliased(self.module, node.value) == source
        }
        for part in filter(None, found):
            imported = self.module.imports.get(part.name)
            if part.name in self.module.definitions or (imported and resolve(*imported) != part):
                raise PortError(f"{self.module.name} has a {part.name} beside the one of {source}")
        return sorted(part for part in found if part)

    def _name(self, node: ast.Name | ast.Attribute) -> None:
        part = uses(self.module, node)
        if part and (taken := TAKEN.get(str(part))):
            self.edits.replace(node, taken.rpartition(".")[2])
        elif part and isinstance(node, ast.Attribute):
            self.edits.replace(node, part.name)


def importing(dotted: str) -> list[str]:
    """Returns the statement that imports a name from elsewhere; none for a builtin."""
    module, _, name = dotted.rpartition(".")
    return [] if module == builtins.__name__ else [f"from {module} import {name}"]


def without_header(source: str) -> str:
    """Returns a source without the comments that it begins with."""
    lines = source.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    return "".join(lines).lstrip("\n")


def renamed(source: str, names: Mapping[str, str]) -> str:
    """Returns a source with the names of its variables changed."""
    edits = Edits(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in names:
            edits.replace(node, names[node.id])
    return edits.apply()


def inlined(module: Module, helper: Part) -> Module:
    """Returns a module with the calls of a helper written out; as it is if that is not simple.

    Simple is a helper that names some values and returns an expression.
    """
    found = module_named(helper.module)
    function = found.definitions[helper.name]
    assert isinstance(function, ast.FunctionDef)
    *named, returned = function.body[bool(ast.get_docstring(function)) :]
    simple = isinstance(returned, ast.Return) and all(isinstance(s, ast.Assign) for s in named)
    calls = [n for n in ast.walk(module.tree) if isinstance(n, ast.Call)]
    calls = [call for call in calls if uses(module, call.func) == helper]
    if not simple or not calls:
        return module
    assert isinstance(returned, ast.Return)
    assert returned.value
    edits = Edits(module.source)
    for call in calls:
        values = _arguments(module, call, found, function)
        for statement in named:
            assert isinstance(statement, ast.Assign)
            assert isinstance(statement.targets[0], ast.Name)
            values[statement.targets[0].id] = _substituted(found, statement.value, values)
        edits.replace(call, _substituted(found, returned.value, values))
    written = [n for node in (returned, *function.args.defaults) for n in ast.walk(node)]
    names = {n.id for n in written if isinstance(n, ast.Name)} & found.imports.keys()
    statements = [f"from {found.imports[name][0]} import {name}" for name in sorted(names)]
    first = next(n for n in module.tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    edits.changes.append((edits.span(first)[0],) * 2 + ("\n".join([*statements, ""]),))
    return parsed(module.name, edits.apply())


def _arguments(
    module: Module, call: ast.Call, found: Module, function: ast.FunctionDef
) -> dict[str, str]:
    """The text of each argument of a call, or of its default in the module of the function."""
    names = [argument.arg for argument in function.args.args]
    given = dict(zip(names, call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    # The last arguments have them.
    defaults = dict(zip(reversed(names), reversed(function.args.defaults), strict=False))
    return _texts(found, defaults) | _texts(module, given)


def _texts(module: Module, values: Mapping[str, ast.expr]) -> dict[str, str]:
    segment = ast.get_source_segment
    return {name: segment(module.source, value) or "" for name, value in values.items()}


def _substituted(module: Module, node: ast.expr, values: Mapping[str, str]) -> str:
    edits = Edits(module.source)
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and name.id in values:
            edits.replace(name, values[name.id])
    return edits.apply(*edits.span(node))
