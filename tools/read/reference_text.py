# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The text of a reference that a class reaches, each line at its place, for patterns to search."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from . import installed

_DEFINITION = re.compile(r"^(?:class |def |(?=[A-Z_]+ = ))(\w+)", re.M)
# Decorators too: they name kernels that may not be used.
_REMARKS = re.compile(r'"""[\s\S]*?"""|#.*|^@.*', re.M)


@dataclass(frozen=True)
class ReferenceText:
    """The part of a modeling file that a class reaches.

    Attributes:
        file: Its name.
        text: The source of its definitions, each line at its place; docstrings, comments and
            what the class does not reach are blank.
    """

    file: str
    text: str

    def where(self, match: re.Match[str] | None) -> str:
        """Returns ``file.py:line`` of a match in the text."""
        return f"{self.file}:{self.text.count(chr(10), 0, match.start()) + 1}" if match else ""

    def where_of(self, word: str) -> str:
        """Returns where a word first stands; the file's first line if nowhere."""
        return self.where(re.search(rf"{re.escape(word)}\b", self.text)) or f"{self.file}:1"

    @property
    def attends(self) -> bool:
        """Whether it has attention of its own: code that is another class's says nothing."""
        return bool(re.search(r"class \w*Attention\b", self.text))


def _blank(match: re.Match[str]) -> str:
    return "\n" * match.group().count("\n")


@functools.cache
def text_of(class_name: str | None, model_type: str) -> ReferenceText | None:
    """Returns the reference code of a class, or of its model type's causal model.

    None if transformers has none.
    """
    file = installed.modeling_file(model_type)
    if file is None:
        return None
    text = _REMARKS.sub(_blank, file.read_text())
    begins = list(_DEFINITION.finditer(text))
    ends = [*(m.start() for m in begins[1:]), len(text)]
    parts = {m[1]: text[m.start() : end] for m, end in zip(begins, ends, strict=True)}
    if class_name not in parts:
        # A name of the Hub's, such as Ernie4_5_ForCausalLM.
        causal = (n for n in parts if n.endswith(("ForCausalLM", "LMHeadModel")))
        class_name = next(causal, None)
    reached, todo = set(), [class_name] if class_name else []
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            mentioned = set(re.findall(r"\w+", parts[name])) & parts.keys()
            todo += [n for n in mentioned if not n.endswith("PreTrainedModel")]
    before = text[: begins[0].start()].count("\n") if begins else 0
    kept = [part if n in reached else "\n" * part.count("\n") for n, part in parts.items()]
    return ReferenceText(file.name, "\n" * before + "".join(kept)) if reached else None
