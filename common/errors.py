# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PortError(ValueError, SystemExit):
    """Bad input, said in one line: what was wrong, where, and what to do.

    Uncaught, it ends a process as SystemExit does, with its line and exit code 1 instead of a
    traceback: ``max serve`` and its workers call our code, and are not ours to wrap.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = f"ports: {message}"


def nearest(name: str, names: Iterable[str], n: int = 3) -> str:
    """Returns `` (nearest: a, b)`` for the names closest to ``name``, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=n, cutoff=0.7)
    return f" (nearest: {', '.join(close)})" if close else ""


def shorten(text: str, longest: int = 200) -> str:
    """Returns a text as a line can hold it: its beginning, if it is long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
