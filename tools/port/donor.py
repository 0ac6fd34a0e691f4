# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a port starts from, and what then is to be done: differences, and keys of the config.

What is found here becomes the plan that a person accepts, and the entries of a new port's
``deltas.py``. Everything is read from syntax trees; neither MAX nor torch is imported.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.declaration import deltas as shared
from common.errors import PortError, nearest
from tools.read import installed
from tools.read.config import class_name
from tools.read.differences import Difference, differences
from tools.read.ledger import EQUAL, ledger
from tools.read.located import definition, sources
from tools.read.reference import PLAIN, aliases, config_defaults, modeling_file
from tools.read.source import Source

from .rewrite import text_of

#: What a plain decoder does where a config has no key for it.
PLAIN_VALUES: Mapping[str, Any] = {
    "attention_bias": False,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}
_TRAINING = re.compile(r"dropout|pdrop|initializer|aux_loss")
#: Keys that every config class has from its base.
INHERITED = ("tie_word_embeddings",)


@dataclass(frozen=True)
class Donor:
    """What a port starts from.

    Attributes:
        name: As it is said to people.
        slug: The folder of one of our ports, or None for the plain decoder of ``common.layers``.
        model_type: Whose reference the donor equals.
    """

    name: str
    slug: str | None
    model_type: str

    @property
    def folder(self) -> Path | None:
        """Where its sources lie, if it is a port."""
        return installed.ports_folder() / self.slug if self.slug else None

    @property
    def class_name(self) -> str:
        """The class it registers."""
        return next((c for c, s in installed.port_names().items() if s == self.slug), "")


@dataclass(frozen=True)
class Comparison:
    """A model beside its donor.

    Attributes:
        differences: What differs in the reference's code, or by what the config decides.
        unread: Keys of the model's config that the donor does not read.
        absent: Keys that the donor reads and the model's config has not, with the donor's values.
        norm_eps: The key of the norms' epsilon.
        training: Keys among the model's that matter in training only.
    """

    differences: tuple[Difference, ...]
    unread: tuple[str, ...]
    absent: Mapping[str, Any]
    norm_eps: str
    training: tuple[str, ...]


def donor_of(name: str) -> Donor:
    """Returns the donor of a port's slug, a class that MAX or a port registers, or MAX's folder.

    Raises:
        PortError: If it is none of these.
    """
    ports, native = installed.port_names(), installed.max_names()
    slug = ports.get(name, name)
    if slug in ports.values():
        # A folder may hold a family: a class stands for itself, the folder for its own model.
        types = {c: t for c, t in installed.causal_types().items() if ports.get(c) == slug}
        return Donor(slug, slug, types.get(name) or _first(types.values(), slug))
    if name in native or name in native.values():
        return Donor(f"a plain pre-norm decoder, as {name}", None, PLAIN)
    known = {*ports.values(), *ports, *native, *native.values()}
    raise PortError(
        f"no donor {name!r}: neither a port nor an architecture of MAX{nearest(name, known)}"
    )


def _first(types: Iterable[str], slug: str) -> str:
    """The model type that a folder is named for, a hyphen of which is no letter of a folder."""
    return next((t for t in types if t.replace("-", "_") == slug), slug)


def model_type_of(source: Source) -> str:
    """Returns a model's type, once it is known to have a reference.

    Raises:
        PortError: If config.json names none, or transformers has no such causal model.
    """
    found = source.config.get("model_type")
    if not isinstance(found, str):
        raise PortError(f"config.json of {source.name} names no model_type")
    try:
        modeling_file(found)
    except PortError as error:
        remote = source.config.get("auto_map")
        more = "; its code comes with the checkpoint (auto_map) and is not run" if remote else ""
        raise PortError(f"{error}{more}") from None
    return found


def _strings(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


@dataclass
class _Keys:
    required: set[str]
    optional: set[str]
    norm_eps: str


def _donor_keys(donor: Donor) -> _Keys:
    """The keys that a donor's config asks for, and those it knows to ignore."""
    config = installed.ports_folder().parent / "common" / "config"
    own = [donor.folder / "model_config.py"] if donor.folder else []
    files = [*(config / f"{name}.py" for name in ("keys", "deployment", "decoder")), *own]
    asked: set[str] = set()
    optional: set[str] = set()
    computed: set[str] = set()
    # Of the tables, a port's add to the plain decoder's.
    tables: dict[str, dict[str, Any]] = {"KEYS": {}, "REQUIRED": {}}
    classes = _classes(files, own)
    ignored = _tree(files[0])
    for node in (n for tree in (ignored, *classes) for n in ast.walk(tree)):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "keys":
            asked |= set(_strings(node.slice))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("keys.get", "keys.require"):
            optional |= set(_strings(node.args[0]))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dict":
            computed |= {str(keyword.arg) for keyword in node.keywords}
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = ast.unparse(target)
            if name in tables:
                tables[name] |= ast.literal_eval(node.value)
            elif name in ("IGNORED", "LEGACY"):
                optional |= set(_strings(node.value))
    spelled, required = tables["KEYS"], tables["REQUIRED"]

    def key_of(field: str) -> str:
        while spelled.get(field, field) != field and field not in required:
            field = spelled[field]
        return field

    norm_eps = key_of("norm_eps")
    # A field that ``read`` does not compute is its key.
    fields = (asked | (_fields(classes) - computed)) - {"norm_eps"}
    return _Keys({key_of(f) for f in fields} - set(required), optional | set(required), norm_eps)


@functools.cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _classes(files: Iterable[Path], own: Iterable[Path]) -> list[ast.ClassDef]:
    """The plain decoder's config and what it derives from, or a port's and what that does."""
    found: dict[str, ast.ClassDef] = {}
    for file in files:
        found |= {n.name: n for n in _tree(file).body if isinstance(n, ast.ClassDef)}
    wanted = ["DecoderConfig"]
    for file in own:
        wanted += [n.name for n in _tree(file).body if isinstance(n, ast.ClassDef)]
    chosen: dict[str, ast.ClassDef] = {}
    while wanted:
        name = wanted.pop()
        if name in found and name not in chosen:
            chosen[name] = found[name]
            wanted += [ast.unparse(base) for base in found[name].bases]
    # Tables of a class add to those of its bases.
    return list(reversed(chosen.values()))


def _fields(classes: Iterable[ast.ClassDef]) -> set[str]:
    """The fields without a default that configs declare."""
    parts = (part for node in classes for part in node.body)
    return {ast.unparse(n.target) for n in parts if isinstance(n, ast.AnnAssign) and not n.value}


def compare(source: Source, donor: Donor) -> Comparison:
    """Returns what is known to differ between a model and a donor.

    Raises:
        PortError: If the model has no reference.
    """
    model_type = model_type_of(source)
    defaults = config_defaults(model_type)
    has = {*defaults, *INHERITED}
    keys = _donor_keys(donor)
    eps = [key for key in defaults if re.search(r"eps(ilon)?$", key) and "norm" in key]
    norm_eps = keys.norm_eps if keys.norm_eps in has else next(iter(eps), keys.norm_eps)
    donors = {**PLAIN_VALUES, **config_defaults(donor.model_type)}
    wanted = {*keys.required, norm_eps}
    absent = {key: donors.get(key, PLAIN_VALUES.get(key)) for key in sorted(wanted - has)}
    written = {key for key in (*defaults, *source.config) if isinstance(key, str)}
    rest = written - keys.required - keys.optional - {norm_eps}
    training = {key for key in rest if _TRAINING.search(key) and key.isidentifier()}
    rest -= {old for old, new in aliases(model_type).items() if new in keys.required}
    return Comparison(
        differences=tuple(
            differences(model_type, donor.model_type, source.config, class_name(source.config))
        ),
        unread=tuple(sorted(rest - training)),
        absent=absent,
        norm_eps=norm_eps,
        training=tuple(sorted(training)),
    )


@dataclass(frozen=True)
class OpenDelta:
    """A delta to implement.

    Attributes:
        name: What differs.
        reference: Where, as :class:`common.declaration.Delta` says it.
        reason: What there is to do.
    """

    name: str
    reference: str
    reason: str


def entries(donor: Donor, found: Comparison, model_type: str) -> list[OpenDelta]:
    """Returns the deltas that a port from this donor has to implement, each once."""
    return [
        OpenDelta(each.name, ", ".join(each.references), _reason(donor, each, model_type))
        for each in found.differences
        if each.is_work
    ]


def _reason(donor: Donor, difference: Difference, model_type: str) -> str:
    if difference.hunk and all(line.startswith("+") for line in difference.hunk):
        return f"{donor.model_type} has nothing like it"
    if not difference.hunk:
        return "so in this checkpoint; the class can do without"
    if difference.part not in ("code", "config"):
        # The line that the name comes from.
        name, _, line = difference.where.partition(":")
        file = next(file for file in sources(model_type) if file.name == name)
        return (
            f"not as in {donor.model_type}: {file.read_text().splitlines()[int(line) - 1].strip()}"
        )
    added = [line.removeprefix("+").strip() for line in difference.hunk if line.startswith("+")]
    added = [line for line in added if not line.startswith("def ")]
    return f"not as in {donor.model_type}: {added[0]}" if added else f"{donor.model_type} does more"


def inherited(donor: Donor, model_type: str) -> list[OpenDelta]:
    """Returns the donor's own deltas, which its code implements and this model shows or loses."""
    if donor.folder is None:
        return []
    paired = {e.parent: e for e in ledger(model_type, donor.model_type) if e.parent}
    made = []
    for name, reference in _declared(donor):
        theirs = definition([donor.model_type], reference)
        entry = paired.get(theirs or "")
        if entry and entry.state == EQUAL:
            reason = f"{entry.name} is as in {donor.slug}: keep it, with the donor's witness"
        else:
            reason = f"the code of {donor.slug} does this: show where this reference does, or"
            reason += " take it out"
        made.append(OpenDelta(f"from {donor.slug}: {name}", entry.name if entry else "", reason))
    return made


def _declared(donor: Donor) -> list[tuple[str, str]]:
    """The names and references of a donor's deltas, read and not imported."""
    assert donor.folder is not None
    found: list[tuple[str, str]] = []
    source = (donor.folder / "deltas.py").read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Delta":
            name, reference = (text_of(source, argument) for argument in node.args[:2])
            found.append((name, reference))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "deltas":
            each = getattr(shared, node.attr)
            group = each if isinstance(each, tuple) else (each,)
            found += [(delta.name, delta.reference) for delta in group]
    return found
