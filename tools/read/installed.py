# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the installed transformers and MAX hold, read from their files without importing them.

Importing either costs seconds and hundreds of megabytes; looking at a model needs only names.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from common.declaration.classes import declared_classes

_MODELS = "models/{0}/modeling_{0}.py"


@functools.cache
def folder(package: str) -> Path | None:
    """Returns where a top-level package lies, or None if it is not installed."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _text(package: str, file: str) -> str:
    home = folder(package)
    return (home / file).read_text() if home and (home / file).is_file() else ""


@functools.cache
def _tree(package: str, file: str) -> ast.Module:
    return ast.parse(_text(package, file))


def _pairs(tree: ast.Module, variable: str) -> Iterator[tuple[str, str]]:
    """The pairs of strings in the table that a module assigns to ``variable``."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and variable in map(ast.unparse, statement.targets):
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Tuple):
                    first, second = (ast.literal_eval(e) for e in node.elts)
                    yield first, second


@functools.cache
def model_types() -> Mapping[str, str]:
    """Returns transformers' model types, each with the folder of its code."""
    tree = _tree("transformers", "models/auto/auto_mappings.py")
    special = dict(_pairs(tree, "SPECIAL_MODEL_TYPE_TO_MODULE_NAME"))
    known = dict(_pairs(tree, "CONFIG_MAPPING_NAMES"))
    return {name: special.get(name, name.replace("-", "_")) for name in known}


@functools.cache
def transformers_classes() -> frozenset[str]:
    """Returns the model classes that transformers' Auto classes know."""
    text = _text("transformers", "models/auto/modeling_auto.py")
    return frozenset(re.findall(r'"([A-Z]\w+)"', text))


@functools.cache
def causal_models() -> Mapping[str, str]:
    """Returns the model types that generate text, each with its class."""
    text = _text("transformers", "models/auto/modeling_auto.py")
    table = text.partition("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = ")[2].partition("\n)\n")[0]
    return dict(re.findall(r'\("([^"]+)", "(\w+)"\)', table))


@functools.cache
def causal_class(model_type: str) -> str | None:
    """Returns the class of a model type that generates text.

    Some are in transformers' code, and not in its table of such classes.
    """
    file = modeling_file(model_type)
    if model_type in causal_models() or file is None:
        return causal_models().get(model_type)
    found = re.search(r"^class (\w+(?:ForCausalLM|LMHeadModel))\(", file.read_text(), re.M)
    return found[1] if found else None


@functools.cache
def causal_types() -> Mapping[str, str]:
    """Returns the classes that generate text, each with a model type of its own."""
    found: dict[str, str] = {}
    for model_type, name in causal_models().items():
        if modeling_file(model_type):  # not a second name of another's class, as gpt-sw3 is
            found.setdefault(name, model_type)
    return found


@functools.cache
def activations() -> frozenset[str]:
    """Returns the names in transformers' table of activations."""
    return frozenset(_keys(_tree("transformers", "activations.py"), "ACT2CLS"))


@functools.cache
def common_activations() -> frozenset[str]:
    """Returns the names in our table of activations."""
    return frozenset(_keys(_tree("common", "layers/mlp.py"), "ACTIVATIONS"))


def _keys(tree: ast.Module, variable: str) -> Iterator[str]:
    """The keys of the dictionary that a module assigns to ``variable``."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        value = getattr(node, "value", None)
        if variable in map(ast.unparse, targets) and isinstance(value, ast.Dict):
            yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))


def modeling_file(model_type: str) -> Path | None:
    """Returns the reference code of a model type, if transformers has it."""
    home, name = folder("transformers"), model_types().get(model_type)
    file = home / _MODELS.format(name) if home and name else None
    return file if file and file.is_file() else None


@functools.cache
def max_names() -> Mapping[str, str]:
    """Returns the class names that MAX serves, each with the folder of its architecture.

    ``X_ModuleV3`` alone also serves ``X``, as MAX's lookup has it. A speculator is no name: it is
    reached through its target.
    """
    found: dict[str, str] = {}
    for node in ast.walk(_tree("max", "pipelines/architectures/__init__.py")):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_LazyArch":
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if len(texts) == 3 and not node.keywords:
                name, module, _ = map(str, texts)
                # The first of a name generates text; a second is for another task.
                found.setdefault(name, module.lstrip(".").split(".")[0])
    return with_aliases(found)


def with_aliases(names: Mapping[str, str]) -> dict[str, str]:
    """Adds the names under which MAX's lookup also finds these."""
    plain = {name.removesuffix("_ModuleV3"): slug for name, slug in names.items()}
    return {**plain, **names}


@functools.cache
def port_names() -> Mapping[str, str]:
    """Returns the class names of our ports, each with its folder."""
    home = folder("architectures")
    declarations = sorted(home.glob("*/deltas.py")) if home else []
    return {name: file.parent.name for file in declarations for name in declared_classes(file)}


def ports_folder() -> Path:
    """Returns the folder of the ports."""
    found = folder("architectures")
    assert found is not None
    return found
