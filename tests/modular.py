# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What transformers' modular files say that a class overrides, against what the ledger says.

`python -m tests.modular` prints the table of docs/ledger.md.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.read import installed
from tools.read.ledger import EQUAL, GONE, entries, reference_code


@dataclass(frozen=True)
class Judged:
    """A method that a modular file's class has from another model, or overrides.

    Attributes:
        model_type: Of the model.
        name: The method, such as ``GlmMLP.forward``.
        parent: The model type that the class derives from.
        overridden: Whether the modular file writes it anew.
        said: Whether the ledger says that it differs.
        hunk: How its text differs from the parent's, the models' names apart; empty if it does not.
    """

    model_type: str
    name: str
    parent: str
    overridden: bool
    said: bool
    hunk: str


def _stem(class_name: str) -> str:
    return re.sub(r"(?:ForCausalLM|LMHeadModel)$", "", class_name)


@functools.cache
def _classes(file: Path) -> dict[str, ast.ClassDef]:
    return {n.name: n for n in ast.parse(file.read_text()).body if isinstance(n, ast.ClassDef)}


def _text(node: ast.ClassDef | None, method: str) -> str:
    """A method without its docstring, decorators and annotations."""
    for part in node.body if node else ():
        if isinstance(part, ast.FunctionDef) and part.name == method:
            part.decorator_list, part.returns = [], None
            for argument in (a for a in ast.walk(part) if isinstance(a, ast.arg)):
                argument.annotation = None
            first = part.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                part.body = part.body[1:] or [ast.Pass()]
            return ast.unparse(part)
        if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == method:
            return ast.unparse(part)
    return ""


def _overrides(modular: Path) -> Iterator[tuple[str, str, str, set[str]]]:
    """Yields a class, the folder and the class that it derives from, and what it writes anew."""
    homes: dict[str, str] = {}
    for node in ast.parse(modular.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 2 and "modeling_" in str(node.module):
            homes |= {alias.name: str(node.module).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            new = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
            new |= {ast.unparse(p.targets[0]) for p in node.body if isinstance(p, ast.Assign)}
            for base in map(ast.unparse, node.bases):
                if base in homes:
                    yield node.name, homes[base], base, new


def _parent(folder: str, base: str) -> str | None:
    """A model type of a folder whose causal model has a class."""
    for model_type, place in installed.model_types().items():
        if place == folder and installed.causal_class(model_type):
            names = reference_code(model_type).written.values()
            if any(name.startswith(f"{base}.") for name in names):
                return model_type
    return None


def judged() -> Iterator[Judged]:
    """Yields every method of a causal model's classes that derive from another model's."""
    for model_type in installed.causal_types().values():
        file = installed.modeling_file(model_type)
        modular = file.with_name(file.name.replace("modeling_", "modular_", 1)) if file else None
        if file is None or modular is None or not modular.is_file():
            continue
        model = reference_code(model_type)
        for name, folder, base, new in _overrides(modular):
            parent = _parent(folder, base)
            theirs = installed.modeling_file(parent) if parent else None
            if parent is None or theirs is None:
                continue
            for entry in entries(model, reference_code(parent)):
                owner, _, method = entry.name.partition(".")
                if owner == name and entry.state != GONE and method:
                    own = _text(_classes(file).get(name), method)
                    before = _text(_classes(theirs).get(base), method)
                    own = own.replace(_stem(str(installed.causal_class(model_type))), "")
                    before = before.replace(_stem(str(installed.causal_class(parent))), "")
                    yield Judged(
                        *(model_type, entry.name, parent, method in new, entry.state != EQUAL),
                        "" if own == before else own,
                    )


def table() -> str:
    """Returns the figures, and each method that only one of the two says to differ."""
    found = list(dict.fromkeys(judged()))
    changed = [each for each in found if each.overridden and each.hunk]
    same = [each for each in found if each.overridden and not each.hunk]
    kept = [each for each in found if not each.overridden]
    both = sum(each.said for each in changed)
    alone = [each for each in kept if each.said]
    unsaid = [each for each in changed if not each.said]
    lines = [
        "| methods of classes that derive from another model's | | ledger: differs | equal |",
        "|---|---|---|---|",
        f"| overridden, with other text | {len(changed)} | {both} | {len(unsaid)} |",
        f"| overridden, with the same text | {len(same)} | {sum(e.said for e in same)} |"
        f" {sum(not e.said for e in same)} |",
        f"| inherited | {len(kept)} | {len(alone)} | {len(kept) - len(alone)} |",
        "",
        f"Precision {both / (both + len(alone)):.3f}, recall {both / len(changed):.3f}.",
        "",
        "Overridden, and equal to the ledger:",
        "",
        *(f"- `{each.name}` ({each.parent})" for each in unsaid),
        "",
        "Inherited, and different to the ledger:",
        "",
        *(f"- `{each.name}` ({each.parent})" for each in alone),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
