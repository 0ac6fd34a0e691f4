# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""What a port declares about itself, as data: its fixtures, its deltas and their witnesses.

A witness takes its delta out of the oracle; if the oracle's logits don't move, no test could see
the delta, so the fixture is wrong. Importing this needs neither torch nor MAX.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from common.errors import PortError, nearest

from .converters import GGUF

#: Dimensions of every fixture, unless it says otherwise.
HEADS, HEAD_DIM = 4, 32
#: Prompt lengths of the ragged batch: short, within a KV page of 128 tokens, across one, and
#: beyond every fixture's window by more than a few tokens.
PROMPTS = (5, 37, 130, 200)


class Witness(Protocol):
    """Changes the oracle so that one delta is gone."""

    def config(self, config: Any) -> None:
        """Changes the transformers config before the model is loaded."""

    def model(self, model: Any) -> None:
        """Changes the loaded transformers model."""


@dataclass(frozen=True)
class WithConfig:
    """The delta is gone with these values in the config."""

    changes: Mapping[str, Any]

    def config(self, config: Any) -> None:
        for key, value in self.changes.items():
            setattr(config, key, value)

    def model(self, model: Any) -> None:
        pass


def rope(theta: float, share: float | None = None) -> dict[str, Any]:
    """Returns the part of a config that asks for plain RoPE.

    Args:
        theta: The base of its frequencies.
        share: Of the columns of a head, those that rotate; unsaid if all do.
    """
    shared = {} if share is None else {"partial_rotary_factor": share}
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **shared}}


@dataclass(frozen=True)
class WithWeights:
    """The delta is gone when ``change`` is applied to the tensors whose names end in ``suffix``."""

    suffix: tuple[str, ...]
    change: Callable[[Any], Any]

    def config(self, config: Any) -> None:
        pass

    def model(self, model: Any) -> None:
        changed = 0
        for name, parameter in model.named_parameters():
            if name.endswith(self.suffix):
                parameter.data = self.change(parameter.data).contiguous()
                changed += 1
        if not changed:
            raise PortError(f"witness changes no tensor: none ends in {self.suffix}")


@dataclass(frozen=True)
class WithModules:
    """The delta is gone when ``change`` is applied to the modules of class ``name``."""

    name: str
    change: Callable[[Any], None]

    def config(self, config: Any) -> None:
        pass

    def model(self, model: Any) -> None:
        modules = [m for m in model.modules() if type(m).__name__ == self.name]
        if not modules:
            raise PortError(f"witness changes no module: the oracle has no {self.name}")
        for module in modules:
            self.change(module)


@dataclass(frozen=True)
class Unimplemented:
    """Stands where the port has no witness yet; nothing that asks for one passes.

    Attributes:
        reason: What is to be done.
    """

    reason: str

    def config(self, config: Any) -> None:
        raise PortError(f"not implemented: {self.reason}")

    def model(self, model: Any) -> None:
        raise PortError(f"not implemented: {self.reason}")


@dataclass(frozen=True)
class Delta:
    """One way in which an architecture differs from a plain decoder.

    Attributes:
        name: What differs.
        reference: Where the reference does it, ``file.py:line`` in the model's folder of
            transformers/models.
        witness: Takes it out of the oracle.
        fixtures: The fixtures that show it; all of them if empty.
    """

    name: str
    reference: str
    witness: Witness
    fixtures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fixture:
    """A tiny random checkpoint that covers a set of branches.

    Attributes:
        name: Names it within the port.
        config: Config values over the tiny defaults.
        legacy: What else differs in config.json of released files, besides ``torch_dtype``,
            ``rope_theta`` and ``rope_scaling``; None takes a key out.
        class_name: Which of the port's classes, if not the first.
        stored: Makes the tensors of released files, torch's by name, from those that
            save_pretrained writes, where the two differ.
    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    legacy: Mapping[str, Any] = field(default_factory=dict)
    class_name: str | None = None
    stored: Callable[[dict[str, Any]], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Port:
    """A port's declaration.

    Attributes:
        model_type: transformers' name for it, and the folder's.
        class_name: The class in ``architectures`` of config.json. arch.py registers it as
            ``architecture``.
        fixtures: At least two, which together cover every branch flag.
        deltas: Every difference, each with its witness.
        sdpa_differs: Why the oracle's sdpa and eager attention disagree, if they rightly do.
        also: Further classes that the package serves, or other names of the class, each with its
            model_type. arch.py registers each under its own name.
        router: The reference's class that chooses experts, if it has any: its forward returns
            what it compares first, ``[tokens, experts]``, and the chosen last.
        gguf: How its GGUF files differ from its checkpoints, if by more than names.
        package: The package that holds it, if it is not ``architectures.<model_type>``.
    """

    model_type: str
    class_name: str
    fixtures: tuple[Fixture, ...]
    deltas: tuple[Delta, ...]
    sdpa_differs: str | None = None
    also: Mapping[str, str] = field(default_factory=dict)
    router: str | None = None
    gguf: GGUF = field(default_factory=GGUF)
    package: str | None = None

    @property
    def classes(self) -> dict[str, str]:
        """Every class it serves, with its model_type."""
        return {self.class_name: self.model_type, **self.also}

    def architecture(self, class_name: str | None = None) -> Any:
        """Returns the ``SupportedArchitecture`` of a class, by default the first; imports MAX."""
        symbol = "architecture" if class_name in (None, self.class_name) else class_name
        package = self.package or f"architectures.{self.model_type}"
        return getattr(importlib.import_module(f"{package}.arch"), str(symbol))


def slugs() -> list[str]:
    """Returns the folders under architectures/ that hold a port, sorted."""
    import architectures

    return sorted(p.parent.name for p in Path(architectures.__path__[0]).glob("*/deltas.py"))


def load_port(slug: str) -> Port:
    """Returns a port's declaration.

    Raises:
        PortError: If there is no such port.
    """
    try:
        return importlib.import_module(f"architectures.{slug}.deltas").PORT
    except ModuleNotFoundError as error:
        if error.name not in (f"architectures.{slug}", f"architectures.{slug}.deltas"):
            raise
        raise PortError(f"no port {slug!r} under architectures/{nearest(slug, slugs())}") from None
