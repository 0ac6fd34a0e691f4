# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every port, for ``max serve --custom-architectures architectures``, and by its slug."""

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.declaration import Port
from common.errors import PortError, nearest

if TYPE_CHECKING:
    from common.pipeline import LazyPorts


@cache
def _architectures() -> "LazyPorts":
    from common.pipeline import LazyPorts

    return LazyPorts(__name__, Path(__file__).parent)


def __getattr__(name: str) -> Any:
    # For MAX alone: who asks for a port by its slug may need nothing of MAX.
    if name == "ARCHITECTURES":
        return _architectures()
    raise AttributeError(name)


def slugs() -> list[str]:
    """Returns the folders that hold a port, sorted."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/deltas.py"))


def load_port(slug: str) -> Port:
    """Returns a port's declaration.

    Raises:
        PortError: If there is no such port.
    """
    try:
        found = importlib.import_module(f"{__name__}.{slug}.deltas").PORT
    except ModuleNotFoundError as error:
        if error.name not in (f"{__name__}.{slug}", f"{__name__}.{slug}.deltas"):
            raise
        raise PortError(f"no port {slug!r} under architectures/{nearest(slug, slugs())}") from None
    assert isinstance(found, Port)
    return found
