# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model to look at: a directory, or a repository of the Hub, of which only headers travel.

Imports neither MAX nor torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.checkpoint import CONFIG, Header, read_config, read_headers

from . import hub


@dataclass(frozen=True)
class Source:
    """What can be known of a model without its weights.

    Attributes:
        name: As the caller gave it.
        config: config.json as it is written.
        files: Names of its files, relative to its root; empty where they cannot be known.
        headers: Reads the headers of its weight files.
        directory: Where it lies, if on this machine.
    """

    name: str
    config: dict[str, Any]
    files: tuple[str, ...]
    headers: Callable[[], list[Header]]
    directory: Path | None


def open_source(model: str) -> Source:
    """Returns the model at a path, or of a Hub name such as ``HuggingFaceTB/SmolLM3-3B``.

    A Hub name takes HF_TOKEN, HF_HOME and HF_HUB_OFFLINE into account, as huggingface_hub does.

    Raises:
        PortError: If there is no such model, or it is gated, or has no config.json.
    """
    path = Path(model).expanduser()
    return _of_hub(model) if hub.is_name(model) else _of_directory(model, path)


def _of_directory(name: str, directory: Path) -> Source:
    config = read_config(directory)
    files = tuple(sorted(p.name for p in directory.iterdir() if p.is_file()))
    return Source(name, config, files, lambda: read_headers(directory), directory)


def _of_hub(name: str) -> Source:
    config = hub.download(name, CONFIG)
    if hub.is_offline():
        # A snapshot holds what was asked for, not what the repository has.
        return replace(_of_directory(name, config.parent), files=(), directory=None)
    files = tuple(sorted(hub.files(name)))
    return Source(name, read_config(config.parent), files, lambda: hub.headers(name), None)
