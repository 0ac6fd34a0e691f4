# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tests share: the command line as users run it, and ports that are not there."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tools import __main__
from tools.port.package import open_package
from tools.read import differences, installed

_WITHOUT = """
import sys
from tools.read import installed
known, hidden = installed.port_names(), sys.argv[1].split(",")
installed.port_names = lambda: {name: slug for name, slug in known.items() if slug not in hidden}
"""
_MAIN = "from tools import __main__; __main__.main(sys.argv[2:])"

#: A config of StarCoder2, which stands for a class without a port where :func:`hide` hides its own.
STARCODER2 = {
    "architectures": ["Starcoder2ForCausalLM"],
    "model_type": "starcoder2",
    "norm_epsilon": 1e-5,
    "use_bias": True,
    "sliding_window": 4096,
}


def ports(
    *arguments: str,
    cwd: Path | None = None,
    hidden: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs the command line.

    Args:
        arguments: Its arguments.
        cwd: Where; here by default.
        hidden: Ports that it must not know of.
        env: The environment, if not this process's.
    """
    command = without(*hidden) if hidden else [sys.executable, "-P", "-m", "tools"]
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        # MAX's libraries change the C environment of this process; a child needs Python's view.
        env=dict(env or os.environ),
    )


def ports_here(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Runs the command line in this process; returns its exit code and what it printed."""
    with pytest.raises(SystemExit) as ended:
        __main__.main(list(arguments))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


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
    # What is kept of them must not outlive the test.
    known = functools.cache(differences._registered.__wrapped__)
    monkeypatch.setattr(differences, "_registered", known)


def finished(text: str) -> str:
    """Returns a text without a character at its end that is not finished: MAX keeps it back."""
    return text.rstrip("\N{REPLACEMENT CHARACTER}")


def write_config(directory: Path, config: Mapping[str, Any]) -> Path:
    """Writes a config.json, without the keys whose value is ``...``; returns the directory."""
    directory.mkdir(exist_ok=True)
    kept = {key: value for key, value in config.items() if value is not ...}
    (directory / "config.json").write_text(json.dumps(kept))
    return directory


def copied_port(slug: str, folder: Path) -> Path:
    """Copies a port to a folder, whose name Python must not have imported yet; returns that."""
    shutil.copytree(open_package(slug).directory, folder)
    (folder / f"{slug}.py").rename(folder / f"{folder.name}.py")
    for file in folder.glob("*.py"):
        text = file.read_text().replace(f".{slug} import", f".{folder.name} import")
        file.write_text(text.replace(f"architectures/{slug}`", f"architectures/{folder.name}`"))
    return folder
