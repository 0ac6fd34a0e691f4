# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""transformers' code of an architecture: its files, and what its config class says.

Read from the syntax tree. Nothing is imported, neither torch nor transformers.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from pathlib import Path

from common.errors import PortError, nearest

from . import installed
from .installed import causal_models

#: What :class:`common.layers.Decoder` is without any port, in transformers' words.
PLAIN = "llama"


def modeling_file(model_type: str) -> Path:
    """Returns the reference's source.

    Raises:
        PortError: If transformers has none for this model type.
    """
    file = installed.modeling_file(model_type)
    if file is None or installed.causal_class(model_type) is None:
        raise PortError(
            f"transformers has no causal language model of type {model_type!r}"
            f"{nearest(model_type, causal_models())}"
        )
    return file


@functools.cache
def config_class(model_type: str) -> ast.ClassDef | None:
    """Returns the config class of a model type, as a syntax tree."""
    modeling = modeling_file(model_type)
    file = modeling.with_name(modeling.name.replace("modeling_", "configuration_", 1))
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module([], [])
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    own = (node for node in classes if _assigned(node).get("model_type") == model_type)
    return next(own, classes[0] if len(classes) == 1 else None)


def _assigned(node: ast.ClassDef) -> dict[str, object]:
    """What a class assigns, as values; None for what is computed."""
    return {
        ast.unparse(part.targets[0]): _value(part.value)
        for part in node.body
        if isinstance(part, ast.Assign)
    }


def _value(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node) if node else None
    except ValueError:
        return None


@functools.cache
def config_defaults(model_type: str) -> Mapping[str, object]:
    """Returns the keys of a config class, each with its default, or None if that is computed."""
    node = config_class(model_type)
    found = {
        part.target.id: _value(part.value)
        for part in (node.body if node else ())
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    # Such a key answers to either name.
    return found | {new: found.get(old) for old, new in aliases(model_type).items()}


def aliases(model_type: str) -> dict[str, str]:
    """Returns a config class's own names of keys, each with the common one it answers to too."""
    node = config_class(model_type)
    table = _assigned(node).get("attribute_map") if node else None
    return {str(old): new for new, old in table.items()} if isinstance(table, dict) else {}


def prefix(model_type: str) -> str:
    """Returns under which name a checkpoint's tensors stand, such as ``model``."""
    found = re.search(r'base_model_prefix = "(\w+)"', modeling_file(model_type).read_text())
    return found[1] if found else "model"
