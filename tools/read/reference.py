# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""transformers' code of an architecture: its files, and the classes of a decoder found in them.

Read from the syntax tree. Nothing is imported, neither torch nor transformers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import PortError, nearest

from . import installed
from .installed import causal_models


def modeling_file(model_type: str) -> Path:
    """Returns the reference's source.

    Raises:
        PortError: If transformers has none for this model type.
    """
    file = installed.modeling_file(model_type)
    if file is None or model_type not in causal_models():
        raise PortError(
            f"transformers has no causal language model of type {model_type!r}"
            f"{nearest(model_type, causal_models())}"
        )
    return file


def config_defaults(model_type: str) -> dict[str, object]:
    """Returns the keys of a config class, each with its default, or None if that is computed."""
    modeling = modeling_file(model_type)
    file = modeling.with_name(modeling.name.replace("modeling_", "configuration_", 1))
    if not file.is_file():
        return {}
    found: dict[str, object] = {}
    classes = [n for n in ast.parse(file.read_text()).body if isinstance(n, ast.ClassDef)]
    for cls in classes:
        names = {ast.unparse(s.targets[0]): s.value for s in cls.body if isinstance(s, ast.Assign)}
        own = names.get("model_type")
        if len(classes) > 1 and not (isinstance(own, ast.Constant) and own.value == model_type):
            continue
        for statement in cls.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                try:
                    value = ast.literal_eval(statement.value) if statement.value else None
                except ValueError:
                    value = None
                found[statement.target.id] = value
        if "attribute_map" in names:
            # Such a key answers to either name.
            renamed = ast.literal_eval(names["attribute_map"])
            found |= {new: found.get(old) for new, old in renamed.items()}
    return found


class Reference:
    """A modeling file, with the classes of a decoder found in it.

    Args:
        model_type: transformers' name of the architecture.

    Raises:
        PortError: If transformers has no such architecture.
    """

    def __init__(self, model_type: str) -> None:
        self.file = modeling_file(model_type)
        tree = ast.parse(self.file.read_text())
        self.classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
        self.functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
        #: Where an absence is said to be.
        self.head = self._class(causal_models().get(model_type, ""), r"(ForCausalLM|LMHeadModel)$")
        self.layer = self._layer()
        self.attention = self._held(r"Attention|ATTENTION")
        self.mlp = self._held(r"MLP|MoE|Moe|FeedForward|FFN|Experts|Router")
        self.model = self._class("", r"^(?!.*PreTrained).*Model$")
        prefix = re.search(r'base_model_prefix = "(\w+)"', self.file.read_text())
        #: Under which a checkpoint's tensors stand.
        self.prefix = prefix[1] if prefix else "model"

    def _class(self, name: str, pattern: str) -> ast.ClassDef | None:
        if name in self.classes:
            return self.classes[name]
        return next((n for c, n in self.classes.items() if re.search(pattern, c)), None)

    def _layer(self) -> ast.ClassDef | None:
        for node in self.classes.values():
            held = " ".join(ast.unparse(value) for _, value in assigned(node))
            if re.search(r"(Layer|Block)$", node.name) and re.search(r"Attention|ATTENTION", held):
                return node
        return None

    def _held(self, pattern: str) -> ast.ClassDef | None:
        """The class of a part of the layer."""
        for _, value in assigned(self.layer):
            for name in re.findall(r"\w+", ast.unparse(value)):
                if name in self.classes and re.search(pattern, name):
                    return self.classes[name]
        return next((n for c, n in self.classes.items() if re.search(rf"({pattern})$", c)), None)


def assigned(node: ast.ClassDef | None) -> Iterator[tuple[str, ast.expr]]:
    """Yields what a class's ``__init__`` assigns to attributes of ``self``, by name."""
    for part in ast.walk(node) if node else ():
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Attribute):
            target = part.targets[0]
            if isinstance(target.value, ast.Name) and target.value.id == "self":
                yield target.attr, part.value


def method(node: ast.ClassDef | None, name: str) -> ast.FunctionDef | None:
    """Returns a class's method of that name."""
    for part in node.body if node else ():
        if isinstance(part, ast.FunctionDef) and part.name == name:
            return part
    return None


def search(pattern: str, *nodes: ast.AST | None) -> tuple[str, int] | None:
    """Returns the first match in the nodes' statements, and its line."""
    for node in nodes:
        for part in ast.walk(node) if node else ():
            if isinstance(part, ast.stmt | ast.expr | ast.arg) and not isinstance(
                part, ast.ClassDef | ast.FunctionDef | ast.If | ast.For | ast.With
            ):
                if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                    continue  # a docstring
                match = re.search(pattern, ast.unparse(part))
                if match:
                    return match[match.lastindex or 0], part.lineno
    return None
