# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""The record of a port's last verification, kept in its folder as proof.json."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from common.testing.verify import PortReport, top1

ROOT = Path(__file__).resolve().parents[1]


def _path(slug: str) -> Path:
    return ROOT / "architectures" / slug / "proof.json"


def source_digest(slug: str) -> str:
    """Returns a digest of the code that a port's proof is about: its own, and common's.

    What hunts for divergences proves nothing.
    """
    digest = hashlib.sha256()
    hunts = {ROOT / "common" / "diagnosis", ROOT / "common" / "hunting"}
    for folder in (ROOT / "architectures" / slug, ROOT / "common"):
        for file in sorted(folder.rglob("*.py")):
            if hunts & {*file.parents}:
                continue
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def record(report: PortReport) -> Path:
    """Writes what a report that holds has shown, beside what other encodings have of this code."""
    both = [a for f in report.fixtures for a in (*f.prefill, *f.decode)]
    known = last(report.slug)
    proof = {
        "max": importlib.metadata.version("max"),
        "transformers": importlib.metadata.version("transformers"),
        "source": source_digest(report.slug),
        "fixtures": [f.name for f in report.fixtures],
        "deltas": {name: round(found, 2) for name, found in report.deltas.items()},
        "parity": known["parity"] if known and known["current"] else {},
    }
    proof["parity"][report.encoding] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()} CPU",
        "positions": sum(a.positions for a in both),
        **{
            metric: float(f"{max(getattr(a, metric) for a in both):.1e}")
            for metric in ("max_sigma", "kl", "cosine")
        },
        "top1": round(top1(both), 4),
    }
    _path(report.slug).write_text(json.dumps(proof, indent=2) + "\n")
    return _path(report.slug)


def last(slug: str) -> dict[str, Any] | None:
    """Returns the last proof, with ``current`` false if the code has changed since."""
    if not _path(slug).exists():
        return None
    proof = json.loads(_path(slug).read_text())
    return {**proof, "current": proof["source"] == source_digest(slug)}
