# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports audit``: a port's docstrings and comments against what its decoder is built of."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from common.declaration import Unimplemented
from common.errors import PortError
from tools.read.families import mentions, squash
from tools.terminal.output import printer

from .claims import CLAIMS, Facts, denied, gather
from .package import Package, open_package
from .prose import Sentence, docstrings, prose, sentences

OK, LIE, STALE = "OK", "lie", "stale"
_LINEAGE = re.compile(r"\bderives? from\b", re.I)
_DIFFERS = re.compile(r"\b(?:differs?|difference)\b", re.I)
_UNFINISHED = re.compile(r"\bso far\b", re.I)


@dataclass(frozen=True)
class Remark:
    """One thing that prose says, judged.

    Attributes:
        verdict: ``OK``, ``lie`` or ``stale``.
        file: The source's name.
        line: Where its docstring or comment begins.
        text: The sentence.
        why: What it was held against.
    """

    verdict: str
    file: str
    line: int
    text: str
    why: str


def built_facts(package: Package) -> Facts:
    """Returns what the decoders of a port's fixtures contain; builds them, compiles nothing."""
    from proof.checkpoints import fixture_config
    from proof.dry import dry_build

    port = package.port
    found = [(port.architecture(f.class_name), fixture_config(port, f)) for f in port.fixtures]
    return gather((dry_build(*each) for each in found), [architecture for architecture, _ in found])


def _remark(verdict: str, sentence: Sentence, why: str) -> Remark:
    return Remark(verdict, sentence.file.name, sentence.line, sentence.text, why)


def _own_names(package: Package) -> set[str]:
    classes = package.port.classes
    prefixes = (re.sub(r"(?:ForCausalLM|LMHeadModel)$", "", name) for name in classes)
    return {squash(name) for name in (package.slug, *classes.values(), *prefixes)}


def _of_families(sentence: Sentence, package: Package) -> Iterator[Remark]:
    lineage, own = _LINEAGE.search(sentence.text), _own_names(package)
    # A folder's name may have a donor's in it.
    for name in mentions(sentence.text.replace(package.slug, "")):
        if squash(name) in own:
            continue
        if lineage:
            yield _remark(OK, sentence, f"says that it derives from {name}")
        else:
            yield _remark(LIE, sentence, f'names {name}, and not in a "derives from"')


def _of_claims(sentence: Sentence, facts: Facts) -> Iterator[Remark]:
    for claim in CLAIMS:
        match = claim.words.search(sentence.text)
        if match and not denied(sentence.text, match.start()):
            if claim.holds(facts):
                yield _remark(OK, sentence, f"the graph has it: {claim.what}")
            else:
                yield _remark(LIE, sentence, f"no fixture's graph has it: {claim.what}")


def _shape(package: Package) -> Iterator[Remark]:
    """What it is, what it derives from, how it differs: the docstring of ``<slug>.py``."""
    file = package.directory / f"{package.slug}.py"
    text = ast.get_docstring(ast.parse(file.read_text())) if file.is_file() else None
    said = sentences(text or "")
    wants = (
        (bool(said) and any(own in squash(said[0]) for own in _own_names(package)), "what it is"),
        (any(_LINEAGE.search(s) for s in said[1:]), 'what it "derives from"'),
        (any(_DIFFERS.search(s) for s in said[1:]), 'how it "differs"'),
    )
    head = Sentence(file, 1, said[0] if said else "")
    for held, what in wants:
        if not held:
            yield _remark(STALE, head, f"the module's docstring does not say {what}")


def _fields(package: Package) -> Iterator[Remark]:
    """Attributes that a docstring lists, and the class does not have."""
    for file in package.files():
        for node, line, text in docstrings(file):
            listed = re.search(r"^Attributes:\n((?:[ \n].*\n?)+)", text, re.M)
            if not isinstance(node, ast.ClassDef) or not listed:
                continue
            has = {
                part.target.id
                for part in node.body
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            }
            for name in re.findall(r"^    (\w+):", listed[1], re.M):
                if name not in has:
                    sentence = Sentence(file, line, f"{node.name}: {name}")
                    yield _remark(STALE, sentence, f"{node.name} has no {name}")


def _paths(sentence: Sentence, package: Package) -> Iterator[Remark]:
    for name in re.findall(r"--custom-architectures \S*?(\w+)`", sentence.text):
        if name != package.slug:
            yield _remark(STALE, sentence, f"the folder is {package.slug}")


def audited(package: Package, facts: Facts) -> list[Remark]:
    """Returns every remark about a port's prose.

    Args:
        package: The port.
        facts: From :func:`built_facts`.
    """
    remarks = [*_shape(package), *_fields(package)]
    open_deltas = any(isinstance(d.witness, Unimplemented) for d in package.port.deltas)
    for sentence in (s for file in package.files() for s in prose(file)):
        remarks += _of_families(sentence, package)
        remarks += _of_claims(sentence, facts)
        remarks += _paths(sentence, package)
        if _UNFINISHED.search(sentence.text) and not open_deltas:
            remarks.append(_remark(STALE, sentence, "every delta is implemented by now"))
    for delta in package.port.deltas:
        # A delta's name is a claim too, once it says that it is implemented.
        if not isinstance(delta.witness, Unimplemented):
            named = Sentence(package.directory / "deltas.py", 1, delta.name)
            remarks += _of_claims(named, facts)
    return remarks


def report(package: Package) -> dict[str, Any]:
    """Returns the remarks and the verdict as plain values."""
    remarks = audited(package, built_facts(package))
    holds = all(remark.verdict == OK for remark in remarks)
    return {
        "port": package.slug,
        "holds": holds,
        "findings": [dataclasses.asdict(remark) for remark in remarks],
    }


def audit(
    slugs: Annotated[
        list[str], typer.Argument(metavar="SLUG|DIR...", help="Ports, or folders of ports.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Print what is OK as well.")] = False,
) -> None:
    """Holds docstrings and comments against the code. Exit code 0 if none lies or is stale.

    The graph is built from the port's fixtures; nothing is compiled.

    Example: ./ports audit cohere2 --all
    """
    reports = [report(_whole(open_package(slug))) for slug in slugs]
    if as_json:
        print(json.dumps(reports, indent=2))
    else:
        for found in reports:
            _print(found, printer(), everything)
    if not all(found["holds"] for found in reports):
        raise typer.Exit(1)


def _whole(package: Package) -> Package:
    if not package.port.fixtures:
        raise PortError(f"{package.slug} declares no fixture, so there is no graph to compare with")
    return package


_COLOURS = {OK: "green", LIE: "red", STALE: "yellow"}


def _print(found: dict[str, Any], console: Console, everything: bool) -> None:
    shown = [f for f in found["findings"] if everything or f["verdict"] != OK]
    for finding in shown:
        verdict = finding["verdict"]
        where = f"{finding['file']}:{finding['line']}"
        console.print(f"[{_COLOURS[verdict]}]{verdict:5}[/] {where}: {escape(finding['why'])}")
        console.print(f"      {escape(finding['text'])}", highlight=False)
    counts = [f["verdict"] for f in found["findings"]]
    said = ", ".join(f"{counts.count(verdict)} {verdict}" for verdict in _COLOURS)
    colour = "green" if found["holds"] else "red"
    verdict = "holds" if found["holds"] else "does not hold"
    console.print(f"{found['port']}: {said}: [{colour}]{verdict}[/]")
