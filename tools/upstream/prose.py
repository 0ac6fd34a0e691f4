# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rewrites what sources say to their readers: whose they are, and how wide."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator


def neutral(source: str, modules: Iterable[str]) -> str:
    """Returns a source whose prose and messages do not speak of this repository.

    Args:
        source: The source.
        modules: Names of top-level packages that are not there.
    """
    dotted = re.compile(rf"\b(?:{'|'.join(modules)})\.(?:\w+\.)*(\w+)")

    def said(text: str, *, prose: bool) -> str:
        text = dotted.sub(r"\1", text).replace("PortError", "ValueError")
        if prose:
            text = re.sub(r"\b([Aa]) port\b", r"\1n architecture", text)
            text = re.sub(r"\b(?<![-\w])port(?=s?\b(?!-))", "architecture", text)
            text = re.sub(r"\bPort(?=s?\b)", "Architecture", text)
        return text

    return _retold(source, lambda text, is_docs: said(text, prose=is_docs or " " in text))


def _retold(source: str, change: Callable[[str, bool], str]) -> str:
    """Changes comments and strings; ``change`` is told whether a text is for readers only."""
    docs = {node.lineno for node in _docstrings(ast.parse(source))}
    lines = source.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type not in (tokenize.COMMENT, tokenize.STRING):
            continue
        text = change(token.string, token.type == tokenize.COMMENT or token.start[0] in docs)
        (first, start), (last, end) = token.start, token.end
        lines[first - 1 : last] = [lines[first - 1][:start] + text + lines[last - 1][end:]]
        lines = "".join(lines).splitlines(keepends=True)
    return "".join(lines)


def _docstrings(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            yield node.body[0]


#: A line that begins anew in prose: `name: what it is`, or an item of a list.
_ENTRY = re.compile(r"\s*(?:[-*] |\*{0,2}\w[\w, ]*(?: \([^)]*\))?: )")


_SECTION = re.compile(r"\s*\w+:")


def wrapped(source: str, width: int) -> str:
    """Returns a source whose docstrings and comments keep to a width; formatters leave them."""
    lines = source.splitlines()
    ends = {node.end_lineno or 0: node.lineno for node in _docstrings(ast.parse(source))}
    for last in sorted(ends, reverse=True):
        first = ends[last] - 1
        lines[first:last] = _filled(lines[first:last], width)
    return "\n".join(_comments(lines, width))


def _filled(lines: list[str], width: int) -> list[str]:
    """Fills the paragraphs of a docstring that have a line too long."""
    filled: list[str] = []
    for paragraph in _paragraphs(lines):
        if max(map(len, paragraph)) <= width:
            filled += paragraph
            continue
        first = _indent(paragraph[0])
        entry = " " * 4 if _ENTRY.match(paragraph[0]) else ""
        rest = _indent(paragraph[1]) if len(paragraph) > 1 else first + entry
        text = " ".join(line.strip() for line in paragraph)
        closed = text.endswith('"""')
        # A formatter puts the quotes behind a text of one line.
        alone = 3 * (len(lines) == 1)
        filled += _fill(text.removesuffix('"""'), width - alone, first, rest)
        filled += [_indent(lines[0]) + '"""'] * closed
    return filled


def _fill(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in lines:
        headed = bool(paragraph) and _SECTION.fullmatch(paragraph[-1])
        alone = headed or line.strip() in ("", '"""') or _ENTRY.match(line)
        hanging = len(paragraph) == 1 and len(_indent(line)) >= len(_indent(paragraph[0]))
        same = len(paragraph) > 1 and _indent(line) == _indent(paragraph[1])
        if paragraph and (alone or not paragraph[0].strip() or not (hanging or same)):
            yield paragraph
            paragraph = []
        paragraph.append(line)
    yield paragraph


def _comments(lines: list[str], width: int) -> Iterator[str]:
    """Fills the blocks of comments that have a line too long."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.lstrip().startswith("#") and (not block or _marker(line) == _marker(block[0])):
            block.append(line)
            continue
        if block and max(map(len, block)) > width:
            marker = _marker(block[0])
            text = " ".join(line.strip().lstrip("#:").strip() for line in block)
            yield from _fill(text, width, marker, marker)
        else:
            yield from block
        block = [line] if line.lstrip().startswith("#") else []
        if not block:
            yield line


def _marker(line: str) -> str:
    return _indent(line) + ("#: " if line.lstrip().startswith("#:") else "# ")
