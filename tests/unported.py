# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Makes a port's class stand for one that has no port yet, here and in processes of a test."""

from __future__ import annotations

import sys

import pytest

from tools import installed

_WITHOUT = """
import sys
from tools import installed
known, hidden = installed.port_names(), sys.argv[1].split(",")
installed.port_names = lambda: {name: slug for name, slug in known.items() if slug not in hidden}
"""
_MAIN = "from tools import __main__; __main__.main(sys.argv[2:])"


def without(*slugs: str, then: str = _MAIN) -> list[str]:
    """Returns a command that runs as if some ports had not landed.

    Args:
        slugs: The ports.
        then: What to run; by default the command line, on what is appended to the command.
    """
    return [sys.executable, "-P", "-c", _WITHOUT + then, ",".join(slugs)]


def hide(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides a port from the test itself."""
    names = {name: port for name, port in installed.port_names().items() if port != slug}
    monkeypatch.setattr(installed, "port_names", lambda: names)
