# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles traced graphs: ``compile_graphs.py decoders|beside LANE OUT TRACED...``.

A build action: it reads graphs and no port, takes nothing from a compile cache, and leaves nothing
but OUT.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bazel.action import in_an_action


def main(what: str, lane: str, out: str, *traced: str) -> None:
    """Compiles what some folders hold into the folder ``out``; empty ones hold nothing."""
    with in_an_action():
        from common.compiled.target import LANES
        from proof.compile import compile_beside, compile_decoders

        compiled = {"decoders": compile_decoders, "beside": compile_beside}[what]
        folders = [folder for folder in map(Path, traced) if any(folder.iterdir())]
        if folders:
            compiled(folders, LANES[lane], Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
