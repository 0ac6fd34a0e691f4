# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A port, its fixtures and its deltas."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .attentions import GROUPED
from .converters import GGUF
from .witnesses import WithConfig, WithModules, Witness

#: Prompt lengths of the ragged batch: short, within a KV page of 128 tokens, across one, and
#: beyond every fixture's window by more than a few tokens.
PROMPTS = (5, 37, 130, 200)


def rope(theta: float, share: float | None = None) -> dict[str, Any]:
    """Returns the part of a config that asks for plain RoPE.

    Args:
        theta: The base of its frequencies.
        share: Of the columns of a head, those that rotate; unsaid if all do.
    """
    shared = {} if share is None else {"partial_rotary_factor": share}
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **shared}}


@dataclass(frozen=True)
class Delta:
    """One way in which an architecture differs from a plain decoder.

    Attributes:
        name: What differs.
        reference: Where the reference does it: a function, or a class and its method or attribute,
            such as ``Cohere2Attention.forward``; several stand behind commas. What ends in ``?``
            need not be there. ``*Attention.forward`` is that of the one class whose name ends so;
            of several joined by ``|``, the first that is there.
        without: How it is taken out of the oracle: values of the config, a change to the modules of
            the reference's class, or any other witness.
        fixtures: The fixtures that show it, if it cannot be taken out of the others.
    """

    name: str
    reference: str
    without: Mapping[str, Any] | Callable[[Any], None] | Witness
    fixtures: tuple[str, ...] = ()

    @property
    def witness(self) -> Witness:
        """What takes it out of the oracle."""
        if isinstance(self.without, Mapping):
            return WithConfig(self.without)
        if callable(self.without):
            return WithModules(self.reference.split(".")[0], self.without)
        return self.without


@dataclass(frozen=True)
class Fixture:
    """A tiny random checkpoint that covers a set of branches.

    Attributes:
        name: Names it within the port.
        config: Config values over the tiny defaults.
        attention: Sizes of heads, one of those in :mod:`common.declaration.attentions`.
        legacy: What else differs in config.json of released files, besides ``torch_dtype``,
            ``rope_theta`` and ``rope_scaling``; None takes a key out.
        class_name: Which of the port's classes, if not the first.
        stored: Makes the tensors of released files, torch's by name, from those that
            save_pretrained writes, where the two differ.
        hunted: Whether divergence hunts are tested on it: it has parts of a kind of its own.
    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    legacy: Mapping[str, Any] = field(default_factory=dict)
    class_name: str | None = None
    stored: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    attention: Mapping[str, int] = field(default_factory=lambda: GROUPED)
    hunted: bool = False


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
        harmless: Methods of the reference that are not the plain decoder's and compute the same,
            written as a delta's reference, each with the reason.
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
    harmless: Mapping[str, str] = field(default_factory=dict)
    gguf: GGUF = field(default_factory=GGUF)
    package: str | None = None

    @property
    def classes(self) -> dict[str, str]:
        """Every class it serves, with its model_type."""
        return {self.class_name: self.model_type, **self.also}

    def fixture(self, name: str) -> Fixture:
        """Returns the fixture of a name, which there is."""
        return next(fixture for fixture in self.fixtures if fixture.name == name)

    def architecture(self, class_name: str | None = None) -> Any:
        """Returns the ``SupportedArchitecture`` of a class, by default the first; imports MAX."""
        symbol = "architecture" if class_name in (None, self.class_name) else class_name
        package = self.package or f"architectures.{self.model_type}"
        return getattr(importlib.import_module(f"{package}.arch"), str(symbol))
