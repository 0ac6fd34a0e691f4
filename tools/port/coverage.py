# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether a port's declaration names everything in which its reference is no plain decoder.

The ledger gives the methods that differ. Each is named by a delta or declared harmless, or follows
from one that is: a helper of it, or what a constructor makes for it.
"""

from __future__ import annotations

import re

from common.declaration import Delta, Port, WithConfig, WithModules, WithRope, WithWeights
from tools.read.ledger import Entry, following, ledger
from tools.read.located import all_located
from tools.read.reference import PLAIN, modeling_file


def named(port: Port) -> set[str]:
    """Returns the methods that a port's deltas and harmless entries name.

    Raises:
        PortError: If a reference names what is not there.
    """
    references = [delta.reference for delta in port.deltas] + list(port.harmless)
    return {name for each in references for name, _ in all_located(port.classes.values(), each)}


def unnamed(port: Port, class_name: str) -> list[Entry]:
    """Returns what differs from the plain decoder in a class's reference, and nothing names."""
    model_type = port.classes[class_name]
    differing = [e for e in ledger(model_type, PLAIN, class_name) if e.differs]
    known = named(port)
    held = {entry.name for entry in differing if entry.name in known}
    return [e for e in differing if e.name not in held | following(differing, held).keys()]


def beside_the_point(port: Port, delta: Delta) -> str | None:
    """Returns what a witness changes, if the methods that its delta names do not deal with it."""
    places = {name.split(".")[0] for name, _ in all_located(port.classes.values(), delta.reference)}
    witness = delta.witness
    if isinstance(witness, WithRope) and not any("rot" in name.lower() for name in places):
        return f"its witness changes the rotation, and {delta.reference} is none"
    words: tuple[str, ...] = ()
    if isinstance(witness, WithConfig):
        words = tuple(key for key in witness.changes if key != "tie_word_embeddings")
    elif isinstance(witness, WithModules):
        words = (witness.name.removeprefix("*"),)
    elif isinstance(witness, WithWeights):
        # ``mlp.gate.weight``: what holds the tensor, or the tensor itself.
        words = tuple(
            re.sub(r"\.(?:weight|bias)$", "", name).split(".")[-1] for name in witness.suffix
        )
    text = "\n".join(_around(model_type, places) for model_type in port.classes.values())
    for word in words:
        if not re.search(rf"\b{re.escape(word)}\b|{re.escape(word)}\(", text):
            return f"its witness changes {word}, which {delta.reference} does not deal with"
    return None


def _around(model_type: str, places: set[str]) -> str:
    """The source of classes and functions, and of the classes that mention them."""
    text = modeling_file(model_type).read_text()
    parts = re.split(r"^(?=class |def |@)", text, flags=re.M)
    # What only initialises weights deals with every class.
    parts = [part for part in parts if not re.match(r"class \w*PreTrainedModel\b", part)]
    near = [p for p in parts if any(re.search(rf"\b{re.escape(place)}\b", p) for place in places)]
    return "\n".join(near)
