# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Why ``./ports serve`` would refuse a model, for the commands that only look at it.

One answer from all of them: it is serve's own, from :func:`tools.read.preflight.preflight`.
"""

from __future__ import annotations

from common.errors import PortError

from . import installed
from .config import class_name
from .source import Source


def refusal(source: Source) -> str | None:
    """Returns serve's line for a checkpoint on this machine whose class a port serves, or None.

    Only then is MAX imported, which takes seconds.
    """
    if source.directory is None or class_name(source.config) not in installed.port_names():
        return None
    from .preflight import preflight

    try:
        preflight(source.directory)
    except PortError as error:
        return str(error)
    return None
