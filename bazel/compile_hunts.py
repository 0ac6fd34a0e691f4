# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Compiles the ports that divergence hunts are tested on: ``compile_hunts.py OUT LANE SLUG...``.

A build action, as ``compile_graphs.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bazel.declared import use_declared_sources_only


def main(out: str, lane: str, *slugs: str) -> None:
    """Compiles ``slugs`` into the folder ``out``; in float32, also the same with faults."""
    use_declared_sources_only()
    with tempfile.TemporaryDirectory() as home:
        # Actions have no home, and MAX wants one.
        os.environ |= {"MODULAR_HOME": home, "HOME": home, "HF_HUB_OFFLINE": "1"}
        from common.hunting.planted import compile_planted
        from common.pipeline.target import LANES

        compile_planted(LANES[lane], slugs, Path(out), progress=lambda text: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
