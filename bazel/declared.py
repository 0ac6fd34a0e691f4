# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Keeps Python under Bazel to the sources that targets declare."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def use_declared_sources_only() -> None:
    """Takes the checkout off the path, so that an import that no target declares fails.

    The environment adds the checkout for `max serve`; here the sources are the runfiles, for
    child processes as well.
    """
    for entry in list(sys.path):
        if (Path(entry) / "max_ports.pth").exists():
            checkout = (Path(entry) / "max_ports.pth").read_text().strip()
            sys.path[:] = [path for path in sys.path if path != checkout]
    runfiles = str(Path(__file__).parents[1])
    sys.path.insert(0, runfiles)
    os.environ["PYTHONPATH"] = runfiles
