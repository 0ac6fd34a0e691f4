# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Traces a port with and without faults: ``trace.py LANE SLUG DECODERS BESIDE HUNTED``.

A build action, as bazel/trace_graphs.py; what it traces goes to HUNTED, where faults are sought.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bazel.action import in_an_action


def main(lane: str, slug: str, *folders: str) -> None:
    """Traces a port into the folder ``hunted``."""
    *_, beside, hunted = map(Path, folders)
    with in_an_action(), tempfile.TemporaryDirectory() as scratch:
        from common.compiled.target import LANES
        from proof.trace import tracing
        from tests.planted import FIXTURES
        from tests.planted.planted import Planted

        target = LANES[lane]
        target.stand_in()
        planted = Planted(Path(scratch), target, {slug: FIXTURES[slug]})
        with tracing(beside):
            planted.collect(progress=lambda text: None)
        planted.batch.write(hunted)


if __name__ == "__main__":
    main(*sys.argv[1:])
