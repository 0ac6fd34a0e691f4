# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The files that commands write: whole or not at all, from templates, and formatted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jinja2

from common.errors import PortError


def write_whole(file: Path, text: str, *, new: bool = False) -> None:
    """Writes a file, or leaves what was there.

    Args:
        file: Which; its folder must be there.
        text: What it is to hold.
        new: Whether it must not be there yet.

    Raises:
        PortError: If it cannot be written.
    """
    if new and (file.exists() or file.is_symlink()):
        raise PortError(f"{file} exists; nothing is overwritten")
    if file.is_dir():
        raise PortError(f"cannot write {file}: it is a folder")
    try:
        handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    except OSError as error:
        raise PortError(f"cannot write {file}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w") as out:
            out.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, file)
    except OSError as error:
        Path(scratch).unlink()
        raise PortError(f"cannot write {file}: {error.strerror}") from None


def templates(folder: Path, *, markup: bool = False) -> jinja2.Environment:
    """Returns the templates of a folder.

    Args:
        folder: Where they lie.
        markup: Whether they are HTML, in which values are escaped.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=markup,
        trim_blocks=markup,
        lstrip_blocks=markup,
    )


def ruff(*arguments: str, source: str | None = None) -> str:
    """Runs ruff, on a source or on the paths among its arguments; returns what it prints.

    Raises:
        PortError: If it finds no way to do what is asked.
    """
    reading = ("--stdin-filename", "source.py", "-") if source is not None else ()
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--quiet", *reading],
        input=source,
        capture_output=True,
        text=True,
        # MAX's libraries change the C environment of this process; a child needs Python's view.
        env=dict(os.environ),
    )
    if ran.returncode:
        raise PortError(f"ruff fails on what was written: {ran.stderr.strip() or ran.stdout}")
    return ran.stdout


def formatted(folder: Path, config: Path) -> None:
    """Formats the Python sources of a folder and sorts their imports.

    Args:
        folder: Where they lie.
        config: The pyproject.toml or ruff.toml to go by.
    """
    ruff("check", "--fix-only", "--select", "I,F401", "--config", str(config), str(folder))
    ruff("format", "--config", str(config), str(folder))
