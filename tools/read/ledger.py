# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The ledger of differences: what of a reference is its parent's, what differs, and what is new.

It compares two references of transformers method by method, and then what their configs decide
where the methods are equal. Everything is read from syntax trees; nothing is imported or run.
"""

from __future__ import annotations

import ast
import difflib
import functools
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import installed
from .config_keys import DIMENSION, IGNORABLE, meaning
from .inference import ACTIVATIONS
from .reference import aliases, config_defaults, modeling_file
from .syntax import Code, code_of

EQUAL, DIFFERS, NEW, GONE = "equal", "differs", "new", "gone"

#: Roles of a decoder's classes, by how their names end; the first that fits.
_ROLES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:ForCausalLM|LMHeadModel)$",
        r"(?:Router|Gate)$",
        r"Experts$",
        r"(?i:moe)\w*$",
        r"(?:MLP|FeedForward|FFN|FFNLayer)$",
        r"Attention\w*$",
        r"(?:DecoderLayer|Layer|Block)$",
        r"Norm$|Norm1P$",
        r"Rotary\w*$|RoPE$",
        r"Model$",
    )
)
#: Keys that stand among the sizes in the table of keys, and decide what is computed.
_DECIDING = re.compile(rf"{'|'.join(ACTIVATIONS)}|norm.*eps|tie_word_embeddings")


@dataclass(frozen=True)
class Entry:
    """A method, attribute or function of a reference beside its parent's.

    Attributes:
        name: As the reference has it: ``Cohere2Attention.forward``; the parent's if it is gone.
        state: ``equal``, ``differs``, ``new`` or ``gone``.
        lines: The first and the last in the reference; in the parent if it is gone.
        parent: Its name in the parent; empty if it is new.
        hunk: The lines that differ, as a unified diff without context.
    """

    name: str
    state: str
    lines: tuple[int, int]
    parent: str
    hunk: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether a port has something to do about it."""
        return self.state in (DIFFERS, NEW)


@dataclass(frozen=True)
class Value:
    """A key that both configs have, by whatever name, and of which the values differ.

    Attributes:
        key: The model's name of it.
        value: The checkpoint's value, or the model's default.
        parent: The parent's default.
    """

    key: str
    value: Any
    parent: Any


def _role(name: str) -> int | None:
    return next((n for n, pattern in enumerate(_ROLES) if pattern.search(name)), None)


def _pairs(model: Code, parent: Code) -> Mapping[str, str]:
    """The model's classes, each with the parent's that has its place."""
    found = {name: name for name in model.classes if name in parent.classes}
    found.setdefault(model.head, parent.head)
    for name in model.classes:
        if name not in found:
            role = _role(name)
            fitting = [other for other in parent.classes if _role(other) == role]
            if role is not None and fitting:
                found[name] = fitting[0]
    return found


def _made(code: Code, owner: str) -> dict[str, str]:
    """What a class makes: the attribute, and what it holds."""
    lines = code.parts.get(f"{owner}.__init__", [])
    return dict(re.findall(r"^    self\.(\w+) = (.+)$", "\n".join(lines), re.M))


def _kind_of(value: str) -> str:
    """A part's class; norms are one kind."""
    called = value.partition("(")[0]
    return "norm" if called.endswith("Norm") else called


def _alike(own: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """A class's attributes, each with its parent's that holds the same, or has its place.

    Parts of a kind are in the same order in both, if there are as many.
    """
    found: dict[str, str] = {}
    for alike in (str, _kind_of):
        left = {name: value for name, value in own.items() if name not in found}
        rest = {name: v for name, v in theirs.items() if name not in found.values()}
        for kind in dict.fromkeys(map(alike, left.values())):
            names = [name for name, value in left.items() if alike(value) == kind]
            others = [name for name, value in rest.items() if alike(value) == kind]
            if len(names) == len(others):
                found |= dict(zip(names, others, strict=True))
    return found


def _named_alike(model: Code, parent: Code, pairs: Mapping[str, str]) -> Code:
    """The model's code with the parent's names for attributes that have the same place."""
    parts, shapes = dict(model.parts), dict(model.shapes)
    for owner, other in pairs.items():
        alike = _alike(_made(model, owner), _made(parent, other))
        renamed = {f"self.{name}": f"self.{new}" for name, new in alike.items() if name != new}
        keys = [key for key in parts if renamed and key.startswith(f"{owner}.")]
        parts |= {key: [_put(line, renamed) for line in parts[key]] for key in keys}
        shapes |= {key: _put(shapes[key], renamed) for key in keys}
    return replace(model, parts=parts, shapes=shapes)


def _put(text: str, words: Mapping[str, str]) -> str:
    """Text with some words, such as ``config.mlp_bias``, for others."""
    pattern = rf"(?<![\w.'])({'|'.join(map(re.escape, words))})\b"
    return re.sub(pattern, lambda match: words[match[1]], text)


def _hunk(before: list[str], after: list[str]) -> tuple[str, ...]:
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def entries(model: Code, parent: Code) -> list[Entry]:
    """Returns the ledger of two references' code, in the order of the model's file."""
    pairs = _pairs(model, parent)
    # A class in the place of another goes by its name: what differs is in the class.
    model = _substituted(model, {name: other for name, other in pairs.items() if name != other})
    model = _named_alike(model, parent, pairs)
    made, met = [], set()
    for key, lines in model.parts.items():
        owner, dot, label = key.partition(".")
        theirs = f"{pairs.get(owner, owner)}{dot}{label}"
        written, where = model.written[key], model.where[key]
        if theirs not in parent.parts:
            hunk = tuple(f"+{text}" for text in lines)
            made.append(Entry(written, NEW, where, "", hunk))
            continue
        met.add(theirs)
        named = parent.written[theirs]
        if model.shapes[key] == parent.shapes[theirs]:
            made.append(Entry(written, EQUAL, where, named))
        else:
            hunk = _hunk(parent.parts[theirs], lines)
            made.append(Entry(written, DIFFERS, where, named, hunk))
    made.sort(key=lambda entry: entry.lines)
    gone = sorted(parent.parts.keys() - met)
    return made + [Entry(parent.written[k], GONE, parent.where[k], parent.written[k]) for k in gone]


@functools.cache
def reference_code(model_type: str, class_name: str | None = None) -> Code:
    """Returns what a causal class reaches in its modeling file.

    Args:
        model_type: transformers' name of the architecture.
        class_name: Which of its classes, if not the causal one of its type.

    Raises:
        PortError: If transformers has no such causal model.
    """
    file = modeling_file(model_type)
    keys = tuple(sorted(aliases(model_type).items()))
    return code_of(file, class_name or str(installed.causal_class(model_type)), keys)


def _substituted(code: Code, words: Mapping[str, str]) -> Code:
    """Code with some words for others."""
    if not words:
        return code
    parts = {key: [_put(line, words) for line in lines] for key, lines in code.parts.items()}
    shapes = {key: _put(shape, words) for key, shape in code.shapes.items()}
    return replace(code, parts=parts, shapes=shapes)


@functools.cache
def ledger(model_type: str, parent_type: str, class_name: str | None = None) -> list[Entry]:
    """Returns what differs between the references of two model types.

    A flag that only the parent's config has stands at its default.

    Raises:
        PortError: If transformers has not both.
    """
    own, theirs = config_defaults(model_type), config_defaults(parent_type)
    flags = {
        f"config.{key}": repr(value)
        for key, value in theirs.items()
        # tie_word_embeddings is in the base of all configs.
        if isinstance(value, bool) and key not in {*own, "tie_word_embeddings"}
    }
    parent = _substituted(reference_code(parent_type), flags)
    return entries(reference_code(model_type, class_name), parent)


def following(differing: Iterable[Entry], held: Collection[str]) -> dict[str, str]:
    """Returns the entries that follow from others, each with one that it follows from.

    A helper follows from the method that calls it, and a constructor from those whose new lines use
    what it makes. What follows needs no name of its own.

    Args:
        differing: What differs.
        held: The names of those that need nothing to follow from.
    """
    known = {entry.name: entry for entry in differing if entry.name in held}
    left = [entry for entry in differing if entry.name not in held]
    found: dict[str, str] = {}
    while new := {e.name: of for e in left if (of := _follows(e, list(known.values())))}:
        found |= new
        known |= {entry.name: entry for entry in left if entry.name in new}
        left = [entry for entry in left if entry.name not in new]
    return found


def _added(entry: Entry) -> list[str]:
    lines = [line[1:].strip() for line in entry.hunk if line.startswith("+")]
    return [line for line in lines if not line.startswith("def ")]


def _follows(entry: Entry, held: list[Entry]) -> str | None:
    """What every line that an entry adds is for, if that is held."""
    owner, _, label = entry.name.partition(".")
    family = [each for each in held if each.name.split(".")[0] == owner]
    used = "\n".join(line for each in family for line in _added(each))
    if label and label != "__init__":
        # A helper: only what is held calls it.
        helps = entry.state == NEW and re.search(rf"\bself\.{label}\b", used)
        return family[0].name if helps else None
    added = _added(entry)
    made = {line.partition(" = ")[2]: each.name for each in held for line in _added(each)}
    parts = {each.name.split(".")[0]: each.name for each in held if each.state == NEW}
    reasons = [
        _serves(line, used, parts) or made.get(line.partition(" = ")[2] or "-") for line in added
    ]
    if not all(reasons) or not (family or added):
        return None
    others = [each for each in reasons if each and each != "used"]
    return family[0].name if family else others[0] if others else None


def _serves(line: str, used: str, parts: Mapping[str, str]) -> str | None:
    made = re.match(r"self\.(?:register_buffer\(')?(\w+)", line)
    if made and re.search(rf"\bself\.{made[1]}\b", used):
        return "used"
    words = re.findall(r"\b[A-Z]\w+", line)
    return next((n for part, n in parts.items() for word in words if part.endswith(word)), None)


def values(config: Mapping[str, Any], model_type: str, parent_type: str) -> list[Value]:
    """Returns what a config decides otherwise than the parent's defaults, in keys of both.

    Sizes do not count: a port reads them. Activations, epsilons, flags and kinds of RoPE do.
    """
    own, theirs = config_defaults(model_type), config_defaults(parent_type)
    found = []
    for key, default in theirs.items():
        name = next((each for each in _spellings(key, model_type) if each in own), None)
        if name is None or not _decides(key):
            continue
        value = config.get(name, config.get(key, own.get(name)))
        if isinstance(value, dict) or isinstance(default, dict):
            # Of RoPE, the kind: its base is a size.
            value, default = _kind(value), _kind(default)
        sizes = [type(each) in (int, list) for each in (value, default)]
        if value != default and (value or default) and not any(sizes):
            found.append(Value(name, value, default))
    return found


def _spellings(key: str, model_type: str) -> list[str]:
    """How a model may spell a key of its parent's."""
    known = aliases(model_type)
    old = [own for own, common in known.items() if common == key]
    return [key, *old, *(ACTIVATIONS if key in ACTIVATIONS else ())]


def _kind(rope: Any) -> Any:
    return rope.get("rope_type", "default") if isinstance(rope, dict) else "default"


def _decides(key: str) -> bool:
    kind = meaning(key).kind
    return kind != IGNORABLE and (kind != DIMENSION or bool(_DECIDING.search(key)))


@functools.cache
def modular_parents(model_type: str) -> frozenset[str]:
    """Returns the model types that transformers' modular file derives classes of a decoder from."""
    file = modeling_file(model_type)
    modular = file.with_name(file.name.replace("modeling_", "modular_", 1))
    if not modular.is_file():
        return frozenset()
    homes: dict[str, str] = {}
    named = set()
    reached = {name.split(".")[0] for name in reference_code(model_type).written.values()}
    for node in ast.parse(modular.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 2 and "modeling_" in str(node.module):
            homes |= {alias.name: str(node.module).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef) and node.name in reached:
            # Norms and rotations come from anywhere; a layer or a model says whose child it is.
            telling = re.search(r"(?:Layer|Block|Model|ForCausalLM|Attention)$", node.name)
            if telling:
                named |= {homes[base] for base in map(ast.unparse, node.bases) if base in homes}
    return frozenset(t for t, folder in installed.model_types().items() if folder in named)
