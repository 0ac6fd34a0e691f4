# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How a model differs from an architecture that is there, and which of these is nearest.

The list comes from the ledger, so that it is complete. The features of :mod:`.features` give names
to its entries; an entry that none of them knows goes by the name of its method.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.errors import PortError

from . import installed
from .config import shown
from .features import BRANCH, FEATURES, NO, YES, of_class
from .ledger import GONE, Entry, Value, following, ledger, modular_parents, values
from .reference import PLAIN, config_class, config_defaults
from .reference_text import ReferenceText, text_of

#: Keys whose effect a feature names.
_NAMED_BY_FEATURES = {
    *("attention_bias", "mlp_bias", "tie_word_embeddings", "sliding_window", "layer_types"),
    *("use_sliding_window", "max_window_layers", "partial_rotary_factor", "use_bias"),
    *("norm_topk_prob", "clip_qkv", "attn_logit_softcapping", "final_logit_softcapping"),
}


@dataclass(frozen=True)
class Difference:
    """One way in which a model differs from its parent.

    Attributes:
        name: The feature's, or the method's where no feature is known.
        part: Where it is: norm, attention, rope, mlp, block, head, code or config.
        state: YES, or BRANCH where only another checkpoint of the class has it.
        references: The methods of the reference, such as ``OlmoeAttention.forward``.
        where: The reference's line, ``file.py:line``.
        hunk: The lines that differ, of the first method.
    """

    name: str
    part: str
    state: str
    references: tuple[str, ...]
    where: str
    hunk: tuple[str, ...]

    @property
    def is_work(self) -> bool:
        """Whether a port of this checkpoint has to do it: it has it, or its class's code does."""
        return self.state == YES or bool(self.hunk)


def differences(
    model_type: str,
    parent_type: str,
    config: Mapping[str, Any] | None = None,
    class_name: str | None = None,
) -> list[Difference]:
    """Returns what differs, in the order of the reference's file; what the config decides last.

    Args:
        model_type: The model's.
        parent_type: The parent's, or the donor's.
        config: config.json of a checkpoint; the class's defaults without one.
        class_name: The model's class, if not the causal one of its type.

    Raises:
        PortError: If transformers has not both.
    """
    config = config if config is not None else config_defaults(model_type)
    found = ledger(model_type, parent_type, class_name)
    model, parent = text_of(class_name, model_type), text_of(None, parent_type)
    if model is None or parent is None:
        raise PortError(f"no code of {class_name or model_type} is in transformers")
    labels: list[tuple[Entry, Difference]] = []
    for feature in FEATURES:
        state, where = feature.of(model, config)
        theirs, _ = feature.of(parent, config_defaults(parent_type))
        if state == NO or (theirs == YES and state == YES):
            continue
        entry = _at(found, int(where.rpartition(":")[2] or 0))
        if entry is None or not (entry.differs or theirs == BRANCH):
            # The parent does the same there: the words say nothing.
            continue
        where = where or f"{model.file}:{entry.lines[0]}"
        difference = Difference(feature.name, feature.part, state, (), where, entry.hunk)
        labels.append((entry, difference))
    owner = config_class(model_type)
    decided = [
        _of_value(value, model, owner.name if owner else "config")
        for value in values(config, model_type, parent_type)
        if value.key not in _NAMED_BY_FEATURES and not value.key.endswith(("eps", "epsilon"))
    ]
    return _grouped(found, labels, model) + decided


def _at(found: list[Entry], line: int) -> Entry | None:
    """The entry that a line is in, or else another of its class, or the next; what differs first.

    A constructor may keep a key that only a method computes with.
    """
    present = [e for e in found if e.state != GONE]
    here = [e for e in present if e.lines[0] <= line <= e.lines[1]]
    after = [e for e in present if e.lines[0] > line]
    first = min(here, key=lambda e: e.lines[1] - e.lines[0], default=next(iter(after), None))
    if first is None or first.differs:
        return first
    family = [e for e in present if _owner(e.name) == _owner(first.name) and "." in e.name]
    return next((e for e in family if e.differs), first)


def _owner(name: str) -> str:
    return name.split(".")[0]


def _grouped(
    found: list[Entry], labels: list[tuple[Entry, Difference]], model: ReferenceText
) -> list[Difference]:
    """The labelled differences, each with what else differs in its class or follows; the others."""
    differing = [entry for entry in found if entry.differs]
    named = {entry.name for entry, _ in labels}
    left: dict[str, list[Entry]] = {}
    follows = following(differing, named)
    for entry in differing:
        home = follows.get(entry.name, entry.name)
        if entry.name not in named:
            left.setdefault(_owner(home), []).append(entry)
    made = []
    for entry, labelled in labels:
        rest = left.pop(_owner(entry.name), [])
        made.append(replace(labelled, references=(entry.name, *(each.name for each in rest))))
    for group in left.values():
        # A class's forward says more than what it makes its parts of.
        group.sort(key=lambda entry: (not entry.name.endswith(".forward"), entry.lines))
        names = tuple(entry.name for entry in group)
        where = f"{model.file}:{group[0].lines[0]}"
        made.append(Difference(names[0], "code", YES, names, where, group[0].hunk))
    return sorted(made, key=lambda each: int(each.where.rpartition(":")[2]))


def _of_value(value: Value, model: ReferenceText, owner: str) -> Difference:
    key = f"config.{value.key}"
    hunk = (f"-{key} = {shown(value.parent)}", f"+{key} = {shown(value.value)}")
    name = f"{value.key} = {shown(value.value)}"
    return Difference(name, "config", YES, (f"{owner}.{value.key}",), model.where_of(key), hunk)


@dataclass(frozen=True)
class Nearby:
    """An architecture to start from.

    Attributes:
        name: The class.
        slug: Its folder.
        origin: ``ports`` or ``max``.
        model_type: Whose reference it equals.
        differences: What of the model differs from it, and a port has to do.
        removes: Features that its class always has, and the model has not.
        lines: How many lines of the model's reference are not in its own.
        named: Whether transformers' modular file names it as a parent.
    """

    name: str
    slug: str
    origin: str
    model_type: str
    differences: tuple[Difference, ...]
    removes: tuple[str, ...]
    lines: int
    named: bool

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values, its differences by name."""
        kept = {"name", "slug", "origin", "lines", "named", "removes"}
        found = {key: value for key, value in vars(self).items() if key in kept}
        return found | {"differences": [each.name for each in self.differences]}

    @property
    def plain(self) -> bool:
        """Whether it is what the plain decoder of ``common.layers`` equals."""
        return self.model_type == PLAIN

    @property
    def copied(self) -> bool:
        """Whether a new port can be a copy of it: a port, or the plain decoder."""
        return self.origin == "ports" or self.plain


def donors(
    model_type: str, config: Mapping[str, Any], class_name: str | None = None
) -> list[Nearby]:
    """Returns what is registered, nearest first.

    Parents that transformers' modular file names come first. Within these and the others the order
    is by what a port has to do: differences, and lines of the reference that the donor has not;
    ours first among equals. A donor is taken to do what transformers does for its class, in every
    branch.
    """
    parents = modular_parents(model_type)
    model = text_of(class_name, model_type)
    assert model is not None
    has = {feature.name for feature in FEATURES if feature.of(model, config)[0] != NO}
    found = []
    for name, slug, origin, theirs in _likely(model, model_type, parents):
        if name == class_name:
            continue
        listed = differences(model_type, theirs, config, class_name)
        here = tuple(each for each in listed if each.is_work)
        code = text_of(name, theirs)
        always = [n for n, (state, _) in of_class(code).items() if state == YES] if code else []
        removes = tuple(n for n in always if n not in has)
        hunks = [text for e in ledger(model_type, theirs, class_name) for text in e.hunk]
        lines = sum(text.startswith("+") for text in hunks)
        found.append(Nearby(name, slug, origin, theirs, here, removes, lines, theirs in parents))
    return sorted(found, key=_nearness)


def _nearness(donor: Nearby) -> tuple[Any, ...]:
    # A difference costs a part, a delta and a witness: about as much as five lines of reference.
    work = donor.lines + 5 * (len(donor.differences) + len(donor.removes))
    return (not donor.named, work, donor.origin != "ports", not donor.plain, donor.name)


#: Of MAX's own architectures, how many are compared method by method.
LIKELY = 8


def _likely(
    model: ReferenceText, model_type: str, parents: Collection[str]
) -> list[tuple[str, str, str, str]]:
    """Our ports, the plain decoder, the parents, and those of MAX's that use the same words."""
    words = _counted(model)

    def apart(row: tuple[str, str, str, str]) -> int:
        text = text_of(row[0], row[3])
        theirs = _counted(text) if text else Counter[str]()
        return (words - theirs).total() + (theirs - words).total()

    rows = [row for row in _registered() if row[3] != model_type]
    kept = [row for row in rows if row[2] == "ports" or row[3] in {PLAIN, *parents}]
    return kept + sorted((row for row in rows if row not in kept), key=apart)[:LIKELY]


@functools.cache
def _counted(text: ReferenceText) -> Counter[str]:
    return Counter(re.findall(r"[A-Za-z_]{3,}", text.text))


@functools.cache
def _registered() -> list[tuple[str, str, str, str]]:
    """Every registered class that has a reference with attention: name, slug, origin, type."""
    found = []
    for names, origin in ((installed.port_names(), "ports"), (installed.max_names(), "max")):
        for name, slug in names.items():
            model_type = installed.causal_types().get(name)
            code = text_of(name, model_type) if model_type else None
            if model_type and code and code.attends:
                found.append((name, slug, origin, model_type))
    return found
