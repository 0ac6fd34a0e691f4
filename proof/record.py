# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The record of a port's last proof, kept in its folder as proof.json, and whether it still holds.

A proof is of graphs, of a plan for weights, and of fixtures; it is stale when one of these has
changed, or the versions of MAX or transformers have, and not when a comment has.
"""

from __future__ import annotations

import ast
import datetime
import hashlib
import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from architectures import load_port
from common.declaration import Port

from .metrics import Agreement
from .report import PortReport, top1

ROOT = Path(__file__).resolve().parents[1]
#: What a fixture, its graph and its plan are made by.
SOURCES = ("common", "proof/checkpoints.py", "proof/dry.py")


def _path(slug: str) -> Path:
    return ROOT / "architectures" / slug / "proof.json"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def _code(file: Path) -> str:
    """What a source computes: its syntax tree, without what it says to its readers."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return f"{file.relative_to(ROOT)}\0{ast.dump(tree)}"


def code(slug: str) -> str:
    """Returns a digest of the code that a proof can depend on. While it is the same, so is
    what was proven; where it is another, :func:`made_from` tells."""
    folders = (ROOT / "architectures" / slug, *(ROOT / source for source in SOURCES))
    files = (f for path in folders for f in ([path] if path.is_file() else path.rglob("*.py")))
    return _digest(*map(_code, sorted(files)))


def made_from(port: Port) -> dict[str, str]:
    """Returns digests of what a proof of a port is about; traces its graphs, compiles nothing."""
    from max.graph import DeviceRef
    from max.graph.weights import WeightsFormat
    from transformers import AutoConfig

    from common.adapters import described, plan
    from common.compiled.record import body
    from common.compiled.target import Target

    from .checkpoints import write_checkpoint
    from .dry import dry_build, dry_trace
    from .ranked import forms

    found: dict[str, list[str]] = {"fixtures": [], "graphs": [], "ranks": [], "weights": []}
    with tempfile.TemporaryDirectory() as scratch:
        for fixture in port.fixtures:
            directory = write_checkpoint(port, fixture, Path(scratch) / fixture.name)
            files = (directory / "config.json", directory / "model.safetensors")
            digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
            found["fixtures"] += [fixture.name, *digests, repr(sorted(fixture.legacy.items()))]
            architecture = port.architecture(fixture.class_name)
            config = AutoConfig.from_pretrained(directory)
            for form in reversed(forms(port, fixture, Target())):
                devices = form.ranks * [DeviceRef.CPU()]
                decoder = dry_build(architecture, config, devices=devices)
                kind = "graphs" if form.ranks == 1 else "ranks"
                found[kind].append(body(dry_trace(decoder)))
            weight_map = architecture.weight_adapters[WeightsFormat.safetensors].weight_map
            planned = plan(decoder.config, weight_map, described(directory), decoder.config.dtype)
            made = [(t.name, t.origin, t.steps, t.shape) for t in planned.produced.values()]
            left = [(t.name, t.dropped) for t in planned.dropped]
            found["weights"].append(repr((sorted(made), sorted(left))))
    return {name: _digest(*parts) for name, parts in found.items()}


def record(report: PortReport) -> Path:
    """Writes what a report that holds has shown, beside what other encodings have of the same."""
    both = _agreements(report, 1)
    parity = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()} CPU",
        "positions": sum(a.positions for a in both),
        **{
            metric: float(f"{max(getattr(a, metric) for a in both):.1e}")
            for metric in ("max_sigma", "kl", "cosine")
        },
        "top1": round(top1(both), 4),
        "ranks": {
            str(count): float(f"{max(a.max_sigma for a in _agreements(report, count)):.1e}")
            for count in sorted({fixture.ranks for fixture in report.fixtures} - {1})
        },
    }
    known, about = last(report.slug), made_from(load_port(report.slug))
    same = known and not [*_differing(known, about)]
    proof = {
        **_versions(),
        "made_from": {**about, "code": code(report.slug)},
        "deltas": {name: round(found, 2) for name, found in report.deltas.items()},
        "parity": {**(known["parity"] if known and same else {}), report.encoding: parity},
    }
    _path(report.slug).write_text(json.dumps(proof, indent=2) + "\n")
    return _path(report.slug)


def _agreements(report: PortReport, ranks: int) -> list[Agreement]:
    """What was measured over so many ranks."""
    found = (f for f in report.fixtures if f.ranks == ranks)
    return [a for f in found for a in (*f.prefill, *f.decode)]


def last(slug: str) -> dict[str, Any] | None:
    """Returns the last proof of a port, if it has one."""
    if not _path(slug).exists():
        return None
    found: dict[str, Any] = json.loads(_path(slug).read_text())
    return found


def changed(slug: str) -> list[str]:
    """Returns what has changed since the last proof of a port: nothing, while that holds.

    Traces its graphs, unless no code has changed.
    """
    known = last(slug)
    if known is None:
        return ["never proven"]
    if known["made_from"]["code"] == code(slug):
        return [*_differing(known, known["made_from"])]
    return [*_differing(known, made_from(load_port(slug)))]


def touched(slug: str) -> bool:
    """Whether code has changed since the last proof, so that :func:`changed` has to trace."""
    known = last(slug)
    return known is None or known["made_from"]["code"] != code(slug)


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("max", "transformers")}


def _differing(known: dict[str, Any], about: dict[str, str]) -> Iterator[str]:
    for name, version in _versions().items():
        if known[name] != version:
            yield f"{name} was {known[name]}"
    for name, digest in about.items():
        if known["made_from"].get(name) != digest:
            yield f"other {name}"
