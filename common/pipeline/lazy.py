# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers ports with MAX by name, importing each only when a checkpoint asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from max.pipelines.lib import SupportedArchitecture
from max.pipelines.lib.registry import PIPELINE_REGISTRY

from common.declaration.classes import declared_classes


class LazyPorts(list[SupportedArchitecture]):
    """The ``ARCHITECTURES`` of a package of many ports.

    MAX wants a non-empty list and registers what it iterates over, which would import every
    port, and let one broken port break the rest. This list hands MAX's own lazy table the names
    instead, and nothing to register at once.

    Args:
        package: The package that holds the ports.
        folder: Where it lies; what its ports serve is read from their declarations.
    """

    def __init__(self, package: str, folder: Path) -> None:
        super().__init__()
        self.package = package
        #: Class name as in config.json, to the port's folder.
        self.classes: dict[str, str] = {}
        self.symbols: dict[str, str] = {}
        for path in sorted(folder.glob("*/deltas.py")):
            main, *others = declared_classes(path)
            self.classes |= dict.fromkeys((main, *others), path.parent.name)
            self.symbols |= {main: "architecture", **{name: name for name in others}}

    def __bool__(self) -> bool:
        return bool(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[SupportedArchitecture]:
        for name, slug in self.classes.items():
            PIPELINE_REGISTRY.register_lazy(
                name, f"{self.package}.{slug}.arch", self.symbols[name], package=self.package
            )
        return iter(())
