# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a long command is doing: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def progress_line(console: Console) -> Iterator[Callable[[str], None]]:
    """Yields a function to call with what starts now, or goes on."""
    if console.is_terminal:
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("starting", total=None)
            yield lambda text: bar.update(task, description=text)
        return
    began, last = time.monotonic(), ""

    def say(text: str) -> None:
        nonlocal last
        if text != last:
            line = f"[{time.monotonic() - began:5.0f} s] {text}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        last = text

    yield say
