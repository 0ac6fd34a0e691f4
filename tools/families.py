# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Names of model families, and where prose mentions them. Imports no transformers."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator

from . import installed

#: Families whose names are words of other meanings; these count only when capitalised.
_WORDS = {
    "auto",
    "bloom",
    "data",
    "falcon",
    "git",
    "helium",
    "jet",
    "led",
    "moonshine",
    "opt",
    "phi",
}
#: Too common or too short to be told from other words at all.
_SKIPPED = {"blt", "data2vec_text", "doge", "dots", "got_ocr"}


def squash(name: str) -> str:
    """Returns a name without case, spaces and punctuation: ``GPT-NeoX`` is ``gpt_neox``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@functools.cache
def causal_models() -> dict[str, str]:
    """Returns model_type to class of every causal language model that transformers knows."""
    home = installed.folder("transformers")
    assert home is not None
    for node in ast.walk(ast.parse((home / "models/auto/modeling_auto.py").read_text())):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
            and isinstance(node.value, ast.Call)
        ):
            pairs = ast.literal_eval(node.value.args[0])
            return {model: cls if isinstance(cls, str) else cls[0] for model, cls in pairs}
    raise RuntimeError("transformers has no MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")


@functools.cache
def _pattern() -> re.Pattern[str]:
    bases = {re.sub(r"[\d_]+$", "", model) for model in causal_models()} | {"gpt", "qwen", "llama"}
    bases = {base for base in bases if len(base) > 2} - _SKIPPED
    spelled = sorted((base.replace("_", "[-_ ]?") for base in bases - _WORDS), key=len)
    capital = sorted(base.capitalize() for base in bases & _WORDS)
    # After the name may stand a version, and then a CamelCase suffix, but no further letter; and
    # llama.cpp is no model.
    return re.compile(
        rf"(?<![A-Za-z])(?:(?i:{'|'.join(reversed(spelled))})|{'|'.join(capital)})"
        r"(?:[-_ .]?\d+(?:\.\d+)*)?(?![a-z]|\.cpp)"
    )


def mentions(text: str) -> Iterator[str]:
    """Yields the names of families in a text, as they are written there."""
    for match in _pattern().finditer(text):
        yield match[0]
