# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A port as a package on disk: one of ours by its slug, or any folder with a port in it."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from architectures import load_port
from common.declaration import Port
from common.errors import PortError
from tools.read import installed


class BrokenPortError(PortError):
    """A port that is there, and cannot be imported."""


@dataclass(frozen=True)
class Package:
    """A port and where it lies.

    Attributes:
        slug: The folder's name.
        directory: The folder.
        port: What it declares.
    """

    slug: str
    directory: Path
    port: Port

    def files(self) -> list[Path]:
        """Returns its Python sources, sorted."""
        return sorted(self.directory.glob("*.py"))


def open_package(name: str) -> Package:
    """Returns the port of a slug, or of a path to a folder. Imports the port.

    Raises:
        PortError: If there is no such port, or its folder cannot be imported.
    """
    path = Path(name).expanduser()
    folder = installed.ports_folder() / name
    if "/" not in name and ((folder / "deltas.py").is_file() or not path.is_dir()):
        return Package(name, folder, load_port(name))
    return _of_directory(path.resolve())


def _of_directory(directory: Path) -> Package:
    if not directory.is_dir():
        raise PortError(f"{directory} does not exist; give a port's slug or its folder")
    for part in ("__init__.py", "arch.py", "deltas.py"):
        if not (directory / part).is_file():
            raise PortError(f"{directory} has no {part}; give the folder of a port")
    # As MAX does with --custom-architectures: the parent on sys.path, the folder's name imported.
    sys.path.append(str(directory.parent))
    try:
        module = importlib.import_module(directory.name)
        if directory not in (Path(p).resolve() for p in getattr(module, "__path__", ())):
            raise PortError(
                f"{directory} cannot be imported: Python has another module {directory.name!r};"
                " give the folder another name"
            )
        port = importlib.import_module(f"{directory.name}.deltas").PORT
    except PortError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise BrokenPortError(f"importing {directory} failed: {said}") from None
    return Package(directory.name, directory, dataclasses.replace(port, package=directory.name))
