# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which functions, classes and methods of common/ some modules need, by name, transitively.

A part is what a module defines at its top, or a method of a class there. A method counts as needed
if anything needed mentions an attribute of its name, or if a class outside has it, whose users may
call it.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import PortError

#: Top-level packages that the parts come from.
OURS = ("architectures", "common", "proof")
#: Parts whose place is taken, where they go, by a name that exists there. `builtins` is no import.
TAKEN = {
    "common.errors.PortError": "builtins.ValueError",
    "common.pipeline.recorded.RecordedGraphs": (
        "max.pipelines.architectures.llama3.model.LlamaModelBase"
    ),
}
#: Functions without arguments whose value goes instead of what they do: the tables of libraries
#: that need not be there.
VALUES = {"common.adapters.gguf._names"}


@dataclass(frozen=True, order=True)
class Part:
    """A definition at the top of a module, or a method of one as ``Class.method``."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, eq=False)
class Module:
    """A source file of ours.

    Attributes:
        name: Its dotted name.
        source: Its text.
        file: Where it lies; for a text at hand, nowhere.
        is_package: Whether it is a package's ``__init__``.
        tree: Its syntax tree.
        definitions: What it defines at its top, by name.
        imports: The module and the attribute behind each name that it imports, at any depth; no
            attribute for a module.
    """

    name: str
    source: str
    file: Path
    is_package: bool
    tree: ast.Module
    definitions: dict[str, ast.stmt]
    imports: dict[str, tuple[str, str]]


def is_ours(module: str) -> bool:
    """Whether a module is of this repository."""
    return module.split(".")[0] in OURS


@functools.cache
def module_named(name: str) -> Module:
    """Returns a module of ours, unimported.

    Raises:
        PortError: If there is none.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise PortError(f"there is no module {name}")
    file = Path(spec.origin)
    return parsed(name, file.read_text(), file)


def parsed(name: str, source: str, file: Path = Path()) -> Module:
    """Returns what a source text holds."""
    is_package = file.stem == "__init__"
    tree = ast.parse(source)
    package = name if is_package else name.rpartition(".")[0]
    definitions = {key: node for node in tree.body for key in _defined(node)}
    return Module(name, source, file, is_package, tree, definitions, dict(_imported(tree, package)))


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        names = [name for target in node.targets for name in ast.walk(target)]
        return [name.id for name in names if isinstance(name, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def origin(node: ast.ImportFrom, package: str) -> str:
    """Returns the absolute name of the module that a statement imports from."""
    if not node.level:
        return node.module or ""
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def _imported(tree: ast.Module, package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, (origin(node, package), alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname or "." not in alias.name:
                    yield alias.asname or alias.name, (alias.name, "")


def resolve(module: str, name: str) -> Part | None:
    """Returns the part behind a name that is imported from a module of ours; None for a module.

    Follows what packages hand on.

    Raises:
        PortError: If there is no such part.
    """
    found = module_named(module)
    if name in found.definitions:
        return Part(module, name)
    if name in found.imports:
        target, attribute = found.imports[name]
        return resolve(target, attribute) if attribute else None
    if found.is_package and importlib.util.find_spec(f"{module}.{name}"):
        return None
    raise PortError(f"{module} has no {name}")


def uses(module: Module, node: ast.AST) -> Part | None:
    """Returns the part that a name, or an attribute of a module's name, stands for, if it does."""
    if isinstance(node, ast.Attribute):
        target = aliased(module, node.value)
        return resolve(target, node.attr) if target else None
    if not isinstance(node, ast.Name):
        return None
    if node.id in module.definitions:
        return Part(module.name, node.id)
    target, attribute = module.imports.get(node.id, ("", ""))
    return resolve(target, attribute) if attribute and is_ours(target) else None


def aliased(module: Module, node: ast.expr) -> str | None:
    """Returns the module of ours that a name stands for, if it does."""
    if not isinstance(node, ast.Name) or node.id not in module.imports:
        return None
    target, attribute = module.imports[node.id]
    if not is_ours(target) or (attribute and resolve(target, attribute)):
        return None
    return f"{target}.{attribute}" if attribute else target


@dataclass
class Closure:
    """The parts that some modules need.

    Args:
        whole: Modules that are needed whole, such as a port's own.
        mentioned: Names of methods that others call.

    Attributes:
        parts: What is needed of other modules.
    """

    whole: Sequence[Module]
    mentioned: set[str] = field(default_factory=set)
    parts: set[Part] = field(default_factory=set)
    _classes: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        for module in self.whole:
            self._take(module, module.tree)
        while self._methods():
            pass

    def modules(self) -> list[Module]:
        """Returns the modules that hold a part, sorted; not those that are needed whole."""
        return [module_named(name) for name in sorted({part.module for part in self.parts})]

    def _take(self, module: Module, *pieces: ast.AST | None) -> None:
        """Takes all that pieces of a module use."""
        for node in (node for piece in pieces if piece for node in ast.walk(piece)):
            if isinstance(node, ast.Attribute):
                self.mentioned.add(node.attr)
            part = uses(module, node)
            if part and part not in self.parts and str(part) not in TAKEN:
                self._need(part)

    def _need(self, part: Part) -> None:
        if any(part.module == module.name for module in self.whole):
            return
        self.parts.add(part)
        module = module_named(part.module)
        node = module.definitions[part.name]
        if isinstance(node, ast.FunctionDef) and str(part) in VALUES:
            self._take(module, *node.decorator_list, node.returns)
        elif isinstance(node, ast.ClassDef):
            self._classes.append(part)
            fields = [piece for piece in node.body if not isinstance(piece, ast.FunctionDef)]
            self._take(module, *node.decorator_list, *node.bases, *node.keywords, *fields)
        else:
            self._take(module, node)

    def _methods(self) -> bool:
        """Takes the methods that are needed by now; returns whether there were new ones."""
        before = len(self.parts)
        for part in list(self._classes):
            module = module_named(part.module)
            node = module.definitions[part.name]
            assert isinstance(node, ast.ClassDef)
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    self._method(module, part, method)
        return len(self.parts) > before

    def _method(self, module: Module, owner: Part, method: ast.FunctionDef) -> None:
        part = Part(owner.module, f"{owner.name}.{method.name}")
        special = method.name.startswith("__") and method.name.endswith("__")
        called = special or method.name in self.mentioned or _is_inherited(owner, method.name)
        if part not in self.parts and called:
            self.parts.add(part)
            self._take(module, method)


@functools.cache
def _is_inherited(owner: Part, method: str) -> bool:
    """Whether a class that is not ours defines the method too."""
    bases = getattr(importlib.import_module(owner.module), owner.name).__mro__
    return any(method in vars(base) for base in bases if not is_ours(base.__module__))
