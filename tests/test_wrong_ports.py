# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ports that are wrong on purpose, made from ours: which gate shuts, and what it says.

Nothing compiles. What only logits can show is at the end: there every gate holds, and `verify`
finds it.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from architectures import load_port, slugs
from common.declaration import Delta, Port, WithConfig, WithModules, WithWeights
from common.declaration.witnesses import zero
from common.errors import PortError
from proof.checkpoints import quiet, write_checkpoint
from tests.support import copied_port
from tools.port.conditions import (
    Candidate,
    Shut,
    complete,
    deltas,
    docstrings,
    fields,
    graph,
    proof,
)
from tools.port.coverage import unnamed
from tools.port.package import Package, open_package
from tools.read.located import all_located
from tools.read.source import open_source

_NUMBERS = itertools.count()
Gate = Callable[[Candidate], str]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Path]]:
    """Writes the fixtures of a port, once."""
    root, made = tmp_path_factory.mktemp("fixtures"), dict[str, list[Path]]()

    def of(slug: str) -> list[Path]:
        port = load_port(slug)
        if slug not in made:
            with quiet():
                made[slug] = [
                    write_checkpoint(port, f, root / f"{slug}-{f.name}") for f in port.fixtures
                ]
        return made[slug]

    return of


def candidate(package: Package, folders: list[Path]) -> Candidate:
    return Candidate(package, [open_source(str(folder)) for folder in folders], {})


def declared(slug: str, **changes: Any) -> Package:
    """One of our ports, with another declaration."""
    package = open_package(slug)
    return dataclasses.replace(package, port=dataclasses.replace(package.port, **changes))


def edited(slug: str, root: Path, file: str, edit: Callable[[str], str]) -> Package:
    """A copy of a port with one of its files edited."""
    folder = copied_port(slug, root / f"wrong{next(_NUMBERS)}")
    place = folder / file.format(slug=folder.name)
    text = place.read_text()
    place.write_text(edit(text))
    assert place.read_text() != text
    return open_package(str(folder))


def shut(gate: Gate, subject: Candidate) -> str:
    with pytest.raises((Shut, PortError)) as closed:
        gate(subject)
    return str(closed.value)


def all_deltas() -> Iterator[tuple[str, Delta]]:
    for slug in slugs():
        for delta in load_port(slug).deltas:
            yield slug, delta


def methods(port: Port, delta: Delta) -> set[str]:
    return {name for name, _ in all_located(port.classes.values(), delta.reference)}


def needed() -> Iterator[tuple[str, str]]:
    """Deltas that alone name a method in which the reference differs."""
    for slug, delta in all_deltas():
        port = load_port(slug)
        rest = dataclasses.replace(port, deltas=tuple(d for d in port.deltas if d is not delta))
        if any(unnamed(rest, name) for name in port.classes):
            yield slug, delta.name


NEEDED = list(needed())


def test_most_deltas_are_needed() -> None:
    assert len(NEEDED) >= 30


@pytest.mark.parametrize(("slug", "name"), NEEDED)
def test_a_delta_dropped(slug: str, name: str) -> None:
    port = load_port(slug)
    (dropped,) = [delta for delta in port.deltas if delta.name == name]
    package = declared(slug, deltas=tuple(d for d in port.deltas if d is not dropped))
    said = shut(complete, Candidate(package, [], {}))
    named = methods(port, dropped)
    assert any(f"{method} is not the plain decoder's" in said for method in named), said


@pytest.mark.parametrize("slug", slugs())
def test_a_reference_to_nothing(slug: str) -> None:
    first, *rest = load_port(slug).deltas
    gone = dataclasses.replace(first, reference="NoSuchAttention.forward")
    said = shut(deltas, Candidate(declared(slug, deltas=(gone, *rest)), [], {}))
    assert "transformers has no NoSuchAttention.forward" in said


#: Witnesses of something else, each for a delta that it is not about.
FOREIGN = {
    "the embedding": WithWeights(("embed_tokens.weight", "wte.weight", "embed_in.weight"), zero),
    "a key of training": WithConfig({"initializer_range": 0.5}),
    "a class that is not there": WithModules("NoSuchNorm", lambda module: None),
}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("slug", slugs())
def test_a_witness_that_is_not_about_its_delta(slug: str, foreign: str) -> None:
    port = load_port(slug)
    delta = next(d for d in port.deltas if re.search("MLP|Layer|Block", d.reference))
    wrong = dataclasses.replace(delta, without=FOREIGN[foreign])
    others = tuple(d for d in port.deltas if d is not delta)
    said = shut(deltas, Candidate(declared(slug, deltas=(wrong, *others)), [], {}))
    assert f"{delta.name}: its witness changes " in said


@pytest.mark.parametrize("slug", slugs())
def test_a_witness_blinded(slug: str, checkpoints: Callable[[str], list[Path]]) -> None:
    blind = dataclasses.replace(load_port(slug).deltas[0], without=WithConfig({}))
    package = declared(slug, deltas=(blind,))
    said = shut(proof, candidate(package, checkpoints(slug)))
    assert f"{blind.name}: taking it out moves logits by 0.000 σ only" in said


@pytest.mark.parametrize("slug", slugs())
def test_one_fixture_is_not_enough(slug: str, checkpoints: Callable[[str], list[Path]]) -> None:
    package = declared(slug, fixtures=load_port(slug).fixtures[:1], deltas=())
    said = shut(proof, candidate(package, checkpoints(slug)[:1]))
    assert "one fixture cannot show both sides of a flag" in said


#: Fields that a port's decoder reads, each with the value that stands in its place.
UNREAD = {
    "cohere": ("logit_scale", "0.25"),
    "cohere2": ("logit_scale", "0.25"),
    "gpt2": ("scale_attn_weights", "True"),
    "gpt_neox": ("use_parallel_residual", "True"),
    "phi": ("qk_layernorm", "True"),
    "smollm3": ("mlp_bias", "True"),
    "stablelm": ("use_parallel_residual", "True"),
    "starcoder2": ("sliding_window", "None"),
}


@pytest.mark.parametrize("slug", UNREAD)
def test_a_field_that_nothing_is_built_from(
    slug: str, tmp_path: Path, checkpoints: Callable[[str], list[Path]]
) -> None:
    field, value = UNREAD[slug]
    package = edited(
        slug, tmp_path, "{slug}.py", lambda text: text.replace(f"self.config.{field}", value)
    )
    said = shut(fields, candidate(package, checkpoints(slug)))
    assert f"nothing is built from {field}" in said
    assert re.search(r"model_config\.py:\d+: ", said)


#: Sentences that are true of no fixture of the port they are put into.
LIES = {
    "cohere": "Its MLP has a squared ReLU.",
    "cohere2": "Every sublayer has post-norms.",
    "gemma": "Its gate is a SiLU.",
    "glm": "Its MLP has an erf GELU.",
    "gpt2": "It rotates queries and keys.",
    "gpt_neox": "Its norms are RMSNorms.",
    "mixtral": "Its experts use tanh GELU.",
    "phi": "It is a pre-norm decoder.",
    "smollm3": "It has a parallel residual.",
    "stablelm": "Its MLP has two experts.",
    "starcoder2": "It is gated by swiglu.",
}


@pytest.mark.parametrize("slug", slugs())
def test_a_docstring_that_lies(slug: str, tmp_path: Path) -> None:
    def lie(text: str) -> str:
        head, mark, rest = text.partition('"""\n\n')
        return f"{head}\n{LIES[slug]}\n{mark}{rest}"

    package = edited(slug, tmp_path, "{slug}.py", lie)
    said = shut(docstrings, Candidate(package, [], {}))
    assert re.search(r"wrong\d+\.py:\d+: lie: no fixture's graph has it: ", said), said


def test_a_key_that_decides_is_ignored(
    tmp_path: Path, checkpoints: Callable[[str], list[Path]]
) -> None:
    # As the first port of Gemma 2 did with hidden_activation, with a reason that it had copied.
    def ignore(text: str) -> str:
        reader = (
            '\n    IGNORED = {"hidden_act": "in released files"}\n\n    @classmethod\n'
            "    def read(cls, keys: Any) -> dict[str, Any]:\n"
            '        return super().read(keys) | {"hidden_act": "gelu_pytorch_tanh"}\n'
        )
        return "from typing import Any\n" + text.rstrip() + "\n" + reader

    package = edited("starcoder2", tmp_path, "model_config.py", ignore)
    said = shut(complete, candidate(package, checkpoints("starcoder2")))
    assert (
        "model_config.py: hidden_act = 'gelu_pytorch_tanh' is ignored (in released files)" in said
    )


#: Formulas altered, which only the logits can show: `verify` finds each kind in
#: tests/test_diagnosis.py and tests/test_mutations.py.
FORMULAS = {
    "cohere": ("self.config.logit_scale", "2 * self.config.logit_scale"),
    "gpt_neox": ("self.config.use_parallel_residual", "not self.config.use_parallel_residual"),
}


@pytest.mark.parametrize("slug", FORMULAS)
def test_what_only_logits_show(
    slug: str, tmp_path: Path, checkpoints: Callable[[str], list[Path]]
) -> None:
    old, new = FORMULAS[slug]
    package = edited(slug, tmp_path, "{slug}.py", lambda text: text.replace(old, new))
    subject = candidate(package, checkpoints(slug))
    for gate in (graph, fields, deltas, complete, docstrings):
        gate(subject)
