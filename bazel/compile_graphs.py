# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Compiles the graphs of a group of ports: ``compile_graphs.py OUT LANE SLUG...``.

A build action: it reads declared sources, takes nothing from a compile cache, and leaves nothing
but OUT.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bazel.declared import use_declared_sources_only


def main(out: str, lane: str, *slugs: str) -> None:
    """Compiles the fixtures of ``slugs`` into the folder ``out``."""
    use_declared_sources_only()
    with tempfile.TemporaryDirectory() as home:
        # Actions have no home, and MAX wants one.
        os.environ |= {"MODULAR_HOME": home, "HOME": home, "HF_HUB_OFFLINE": "1"}
        from common.pipeline.target import LANES
        from common.testing.compile import compile_fixtures
        from common.testing.declare import load_port

        ports = [load_port(slug) for slug in slugs]
        compile_fixtures(ports, LANES[lane], Path(out), progress=lambda text: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
