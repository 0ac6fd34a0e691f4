# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Copies a donor port's source under another port's names, by its tokens, not its text.

What is prose is not renamed but replaced: a donor's sentences about itself would be false of the
copy.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping, Set

from tools.read.families import mentions

from .prose import LICENCE


def renamed(
    source: str, *, names: Mapping[str, str], prefix: tuple[str, str], docs: Mapping[str, str]
) -> str:
    """Returns a source under other names.

    Args:
        source: The donor's.
        names: Old to new: modules as they are, and prefixes of classes.
        prefix: Old and new first part of the names of a checkpoint's tensors.
        docs: New docstrings, by the old name of a class, or ``""`` for the module.
    """
    replaced = _docstrings(source, docs)
    old, new = prefix
    edits: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = replaced.get(token.start, token.string)
        if token.type == tokenize.NAME:
            text = _name(text, names)
        elif token.type == tokenize.STRING and token.start not in replaced:
            text = re.sub(rf"^(r?[\"']){re.escape(old)}(\\?\.|[\"'])", rf"\g<1>{new}\g<2>", text)
        elif token.type == tokenize.COMMENT and token.start[0] > LICENCE:
            text = "" if any(True for _ in mentions(text)) else text
        if text != token.string:
            edits.append((token.start, token.end, text))
    return _applied(source, edits)


def _name(name: str, names: Mapping[str, str]) -> str:
    if name in names:
        return names[name]
    for old, new in names.items():
        if old[0].isupper() and re.match(rf"{old}(?=[A-Z]|$)", name):
            return new + name[len(old) :]
    return name


def _docstrings(source: str, docs: Mapping[str, str]) -> dict[tuple[int, int], str]:
    """New docstrings by where the old ones begin."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef) or ast.get_docstring(node) is None:
            continue
        name = node.name if isinstance(node, ast.ClassDef) else ""
        text = docs.get(name)
        if text is not None:
            first = node.body[0]
            indent = " " * first.col_offset
            lines = text.replace("\n", f"\n{indent}").replace(f"\n{indent}\n", "\n\n")
            found[first.lineno, first.col_offset] = f'"""{lines}"""'
    return found


def _applied(source: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]]) -> str:
    lines = source.splitlines(keepends=True)
    for (first, start), (last, end), text in reversed(edits):
        head, tail = lines[first - 1][:start], lines[last - 1][end:]
        lines[first - 1 : last] = [head + text + tail]
    # What is left of a line that was a comment alone.
    return "".join(line for line in lines if line.strip() or line == "\n")


def argument(source: str, call: str, name: str, *, kept: Set[str]) -> str:
    """Returns the source of a call that is an argument of another, or "" if nothing stays of it.

    Args:
        source: The module's.
        call: What is called with it.
        name: The argument's keyword.
        kept: Which of its own keywords stay.
    """
    calls = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call))
    keywords = (k for c in calls if ast.unparse(c.func) == call for k in c.keywords)
    value = next((k.value for k in keywords if k.arg == name), None)
    if not isinstance(value, ast.Call):
        return ""
    stays = [k for k in value.keywords if k.arg in kept]
    if stays == value.keywords and not value.args:
        return ast.get_source_segment(source, value) or ""
    inner = ", ".join(ast.get_source_segment(source, k) or "" for k in stays)
    return f"{ast.unparse(value.func)}({inner})" if inner else ""


def value_of(source: str, call: str, name: str) -> str | None:
    """Returns the text that a call is given as an argument, itself or by a constant's name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call:
            for keyword in (k for k in node.keywords if k.arg == name):
                return text_of(source, keyword.value) or None
    return None


def text_of(source: str, node: ast.expr) -> str:
    """Returns the text that an expression stands for: itself, or a constant of its module."""
    named = {
        ast.unparse(part.targets[0]): part.value
        for part in ast.parse(source).body
        if isinstance(part, ast.Assign)
    }
    value = named.get(ast.unparse(node), node)
    return str(value.value) if isinstance(value, ast.Constant) else ""


def needs(source: str, expression: str) -> tuple[list[str], str]:
    """Returns the imports that an expression of a module needs, and its other statements."""
    names, imports, code = _read(ast.parse(expression)), [], ""
    # What is used is defined before.
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.ImportFrom):
            taken = [alias.name for alias in node.names if alias.name in names]
            imports += [f"from {node.module} import {', '.join(taken)}"] if taken else []
        elif names & _defined(node):
            text = ast.get_source_segment(source, node) or ""
            # As the formatter has it around functions.
            blank = "\n\n\n" if "def " in (text[:4], code[:4]) else "\n" if code else "\n\n"
            code = text + blank + code
            names |= _read(node)
    return imports, "\n" * code.startswith("def ") + code


def _read(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def with_tables(source: str, tables: Mapping[str, Mapping[str, object]]) -> str:
    """Returns a source whose config class has more in its tables; without one, the tables alone.

    Args:
        source: A ``model_config.py``, or nothing.
        tables: Entries by the name of their table, which go before what a table has already.
    """
    lines = source.splitlines(keepends=True)
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    there = {
        ast.unparse(part.targets[0]): part
        for node in classes
        for part in node.body
        if isinstance(part, ast.Assign)
    }
    new = ""
    for name, entries in tables.items():
        same = _literal(there[name].value) if name in there else {}
        entries = {k: v for k, v in entries.items() if k not in same or same[k] != v}
        if not entries:
            continue
        rows = "".join(f"        {key!r}: {value!r},\n" for key, value in entries.items())
        if name in there:
            end = there[name].end_lineno or 0
            text = ast.get_source_segment(source, there[name].value)
            first = there[name].lineno - 1
            lines[first:end] = [f"    {name} = {{\n        **{text},\n{rows}    }}\n"]
            # Those that follow keep their numbers.
            lines[first + 1 : first + 1] = [""] * (end - first - 1)
        else:
            new += f"    {name} = {{\n{rows}    }}\n"
    if new and classes:
        line = classes[0].body[0].end_lineno or classes[0].lineno
        lines.insert(line, f"\n{new}")
    return "".join(lines) if classes else new


def _literal(node: ast.expr) -> dict[str, object]:
    try:
        return dict(ast.literal_eval(node))
    except ValueError:
        return {}
