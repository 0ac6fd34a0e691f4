# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A reference's classes and functions, as far as a causal model reaches them.

What an attribute only passes on from the config is written as the config's key.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .inference import Inference

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign

#: Attributes that code elsewhere in transformers reads from a module.
_READ_ELSEWHERE = {"is_causal", "num_key_value_groups", "sinks", "sliding_window", "layer_type"}
#: What of a class is no part of a forward pass.
_ASIDE = {
    *("_init_weights", "get_input_embeddings", "set_input_embeddings", "get_output_embeddings"),
    *("set_output_embeddings", "prepare_inputs_for_generation", "_reorder_cache", "extra_repr"),
    *("reset_parameters", "get_decoder", "set_decoder"),
}
#: Bases of everything, and other implementations of the same attention.
_OTHERS = re.compile(r"PreTrainedModel$|(?:Flash|Sdpa)\w*Attention|autocast")
#: Attributes of a class that decide what is loaded or computed.
_ATTRIBUTES = ("_tied_weights_keys", "_keys_to_ignore_on_load_unexpected")


@dataclass
class Code:
    """What a causal model reaches in a modeling file.

    Attributes:
        file: The modeling file.
        head: The causal class's name, without the model's.
        parts: Everything that can be compared: methods and attributes of classes, as
            ``Attention.forward``, and functions; each as the lines that inference runs.
        shapes: The same with local names by their order, so that names do not matter.
        where: The first and the last line of each part.
        written: Its name in the file.
        classes: The classes reached, with the classes that each names.
    """

    file: Path
    head: str
    parts: dict[str, list[str]] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    where: dict[str, tuple[int, int]] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    classes: dict[str, set[str]] = field(default_factory=dict)


def _definitions(tree: ast.Module) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node
    found.pop("logger", None)
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", text))


def _reached(name: str, texts: Mapping[str, str]) -> list[str]:
    """The name, what its definition mentions, and so on."""
    reached: dict[str, None] = {}
    todo = [name]
    while todo:
        name = todo.pop()
        if name in texts and name not in reached and not _OTHERS.search(name):
            reached[name] = None
            todo += sorted(_words(texts[name]) & texts.keys())
    return list(reached)


def _reads(text: str, *, own: bool) -> set[str]:
    """The attributes that code loads of ``self``, or of any other object but the config."""
    if own:
        return set(re.findall(r"\bself\.(\w+)\b(?! = )", text))
    found = re.findall(r"(?:(\w+)|[\])])\.(\w+)", text)
    return {name for holder, name in found if holder not in ("self", "config")}


def _bases(node: ast.ClassDef, classes: Mapping[str, Definition]) -> Iterator[ast.ClassDef]:
    """The classes of the file that a class inherits from, nearest first."""
    for base in node.bases:
        found = classes.get(ast.unparse(base))
        if isinstance(found, ast.ClassDef) and found is not node and not _OTHERS.search(found.name):
            yield found
            yield from _bases(found, classes)


def _shape(node: ast.AST, text: str) -> str:
    """A function's text with its own names by their order."""
    if not isinstance(node, ast.FunctionDef):
        return text
    own = {argument.arg for argument in node.args.kwonlyargs if argument.arg != "config"}
    own |= {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    names: dict[str, str] = {}
    head, _, body = text.partition("\n")

    def ordered(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"v{len(names)}") if match[0] in own else match[0]

    # Neither attributes nor the names of keyword arguments, which are unparsed without blanks.
    body = re.sub(r"(?<![\w.'])[A-Za-z_]\w*\b(?!=[^=])", ordered, body)
    values = re.findall(r"(\w+)=([^,)]+)", head)
    return "\n".join([body, *sorted(f"{names.get(name, '')}={value}" for name, value in values)])


@functools.cache
def code_of(file: Path, class_name: str, keys: tuple[tuple[str, str], ...] = ()) -> Code:
    """Returns what a causal class of a modeling file reaches.

    Args:
        file: ``modeling_*.py``.
        class_name: The causal class; one that the file has not stands for the file's first.
        keys: The class's own names of config keys, each with the common one.
    """
    source = file.read_text()
    lines = source.splitlines()
    written = _definitions(ast.parse(source))
    names = [n.name for n in written.values() if isinstance(n, ast.ClassDef)]
    if class_name not in names:
        causal = (n for n in names if n.endswith(("ForCausalLM", "LMHeadModel")))
        class_name = next(causal, class_name)
    prefix = re.sub(r"(?:ForCausalLM|LMHeadModel|ForConditionalGeneration|Model)$", "", class_name)
    raw = {name: "\n".join(lines[n.lineno - 1 : n.end_lineno]) for name, n in written.items()}
    kept = _reached(class_name, raw)
    # Imported names too, such as the config's; docstrings have words that are none.
    words = set().union(*(_words(raw[name]) for name in kept))
    known = {word for word in words if word.startswith(prefix) or "Output" in word}
    plain = Inference(prefix, {*kept, *known}, dict(keys))
    original = {plain.name(name): name for name in kept}
    definitions = {plain.name(name): plain.visit(written[name]) for name in kept}
    texts = {name: ast.unparse(node) for name, node in definitions.items()}
    code = Code(file, plain.name(class_name))
    # What only training reached is not reached any more.
    reached = _reached(plain.name(class_name), texts)
    read = _READ_ELSEWHERE | _reads("\n".join(texts[name] for name in reached), own=False)
    for name in reached:
        node = definitions[name]
        if isinstance(node, ast.ClassDef):
            code.classes[name] = _words(texts[name]) & definitions.keys() - {name}
            lineage = [node, *_bases(node, definitions)]
            together = "\n".join(texts[cls.name] for cls in lineage if cls.name in texts)
            for part in _members(name, lineage, read, together):
                part.add_to(code, original)
        elif not name.endswith("ATTENTION_CLASSES"):
            _Member(name, "", node, texts[name]).add_to(code, original)
    return code


@dataclass(frozen=True)
class _Member:
    """A method or an attribute of a class, or a function: its owner, name, node and text."""

    name: str
    owner: str
    node: ast.stmt
    text: str

    def add_to(self, code: Code, original: Mapping[str, str]) -> None:
        label = self.name.rpartition(".")[2]
        inherited = f"{original.get(self.owner, self.owner)}.{label}" if self.owner else None
        written = inherited or original.get(self.name, self.name)
        if written in code.written.values():
            return  # of several classes that share it, the first
        code.parts[self.name] = self.text.splitlines()
        code.shapes[self.name] = _shape(self.node, self.text)
        code.where[self.name] = (self.node.lineno, self.node.end_lineno or self.node.lineno)
        code.written[self.name] = written


def _members(
    name: str, lineage: list[ast.ClassDef], read: set[str], text: str
) -> Iterator[_Member]:
    """What a class and its bases define for a forward pass, as the config's keys where they can."""
    passed = {
        attribute: key
        for attribute, key in re.findall(r"^ +self\.(\w+) = (config\.\w+)$", text, re.M)
        if len(re.findall(rf"\bself\.{attribute} = ", text)) == 1
    }
    used = read | _reads(text, own=True)
    found: dict[str, _Member] = {}
    for cls in lineage:
        for part in cls.body:
            label = _label(part, used)
            if label and label not in found:
                # Which head is tied says the weight map.
                own = label if label == "_tied_weights_keys" else ast.unparse(part)
                if passed:
                    pattern = rf"\bself\.({'|'.join(passed)})\b(?! = )"
                    own = re.sub(pattern, lambda match: passed[match[1]], own)
                found[label] = _Member(f"{name}.{label}", cls.name, part, own)
    kept = read | _reads("\n".join(member.text for member in found.values()), own=True)
    for label, member in found.items():
        yield replace(member, text=_made(member.text, kept)) if label == "__init__" else member


def _made(text: str, kept: set[str]) -> str:
    """A constructor without the attributes that nothing reads."""
    head, *lines = text.splitlines()
    made = [re.match(r"    self\.(\w+) = ", line) for line in lines]
    body = [line for line, made in zip(lines, made, strict=True) if not made or made[1] in kept]
    return "\n".join([head, *(body or ["    pass"])])


def _label(part: ast.stmt, read: set[str]) -> str | None:
    if isinstance(part, ast.FunctionDef) and part.name not in _ASIDE:
        return part.name if part.name in {"__init__", "forward", *read} else None
    if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) in _ATTRIBUTES:
        return ast.unparse(part.targets[0])
    return None
