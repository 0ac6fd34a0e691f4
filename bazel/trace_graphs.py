# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Traces the graphs of a port: ``trace_graphs.py LANE SLUG DECODERS RANKED BESIDE HUNTED``.

A build action: it compiles nothing, so that only what changes a graph is compiled again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bazel.action import in_an_action


def main(lane: str, slug: str, *folders: str) -> None:
    """Traces a port's fixtures into four folders; see :mod:`proof.trace`, :mod:`hunt.trace`."""
    with in_an_action():
        from architectures import load_port
        from common.compiled.target import LANES
        from hunt.trace import trace_hunted
        from proof.trace import trace_fixtures

        port, target = load_port(slug), LANES[lane]
        decoders, ranked, beside, hunted = map(Path, folders)
        trace_fixtures([port], target, decoders, ranked, beside, progress=lambda text: None)
        trace_hunted([port], target, hunted)


if __name__ == "__main__":
    main(*sys.argv[1:])
