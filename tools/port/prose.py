# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a source says to its readers: docstrings and comments, sentence by sentence."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Lines of the licence, which every source begins with.
LICENCE = 2
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"])|\n\s*\n|\n(?=\s+\w+: )")


@dataclass(frozen=True)
class Sentence:
    """A sentence of a docstring or comment.

    Attributes:
        file: The source.
        line: Where its docstring or comment begins.
        text: The sentence, its spaces collapsed.
    """

    file: Path
    line: int
    text: str


def sentences(text: str) -> list[str]:
    """Splits prose at full stops and blank lines."""
    return [" ".join(part.split()) for part in _END.split(text) if part.strip()]


def docstrings(file: Path) -> Iterator[tuple[ast.AST, int, str]]:
    """Yields each node with a docstring, the line it begins on, and the docstring."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield node, node.body[0].lineno, text


def _comments(file: Path) -> Iterator[tuple[int, str]]:
    """Yields comments, those on consecutive lines as one."""
    first, last, words = 0, 0, ""
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            line = token.start[0]
            if token.type != tokenize.COMMENT or line <= LICENCE:
                continue
            if words and line != last + 1:
                yield first, words
                words = ""
            first = first if words else line
            last = line
            words += " " + token.string.lstrip("#: ")
    if words:
        yield first, words


def prose(file: Path) -> Iterator[Sentence]:
    """Yields every sentence of a source's docstrings and comments, in order of their kind."""
    blocks = [(line, text) for _, line, text in docstrings(file)]
    for line, text in (*blocks, *_comments(file)):
        for sentence in sentences(text):
            yield Sentence(file, line, sentence)
