# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Names of model families, and where prose mentions them. Imports no transformers."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from .installed import causal_models

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
