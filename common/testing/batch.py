# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Compiles the decoders of many pipelines as one module.

The compiler's floor is paid for each module, and each further graph costs about an eighth of it.
So pipelines are built as usual, but with their decoders deferred; then all compile at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from max.driver import CPU, DLPackArray
from max.engine import InferenceSession, Model
from max.graph import Module
from max.pipelines.lib.graph_specs import GraphSpec

from common.pipeline import DecoderModel


class Pending:
    """Stands for a model until its module is compiled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.model: Model | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self.model is None:
            raise RuntimeError(f"{self.name} is used before its batch is compiled")
        return getattr(self.model, attribute)


class Batch:
    """Collects decoders under a name each, then compiles them together."""

    def __init__(self) -> None:
        self.module = Module()
        self.weights: dict[str, DLPackArray] = {}
        self.pending: list[Pending] = []

    @contextlib.contextmanager
    def collecting(self, prefix: str) -> Iterator[None]:
        """Defers the compiles of pipelines built inside; ``prefix`` must be new."""

        def defer(
            model: DecoderModel, session: InferenceSession, specs: Mapping[str, GraphSpec]
        ) -> dict[str, Pending]:
            return {role: self._add(f"{prefix}/{role}", spec) for role, spec in specs.items()}

        compile_now = DecoderModel.compile
        DecoderModel.compile = defer  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            DecoderModel.compile = compile_now  # type: ignore[method-assign]

    def _add(self, prefix: str, spec: GraphSpec) -> Pending:
        # Names are global in a module, those of weights too.
        for name, weight in spec.module.raw_state_dict().items():
            weight.name = f"{prefix}/{name}"
        spec.module.trace(*spec.input_types, name=prefix, module=self.module)
        values = spec.weights if spec.weights is not None else spec.module.state_dict()
        self.weights |= {f"{prefix}/{name}": value for name, value in values.items()}
        self.pending.append(Pending(prefix))
        return self.pending[-1]

    def compile(self) -> None:
        """Compiles and initializes everything collected."""
        session = InferenceSession(devices=[CPU()])
        models = session.init_all(session.compile(self.module), weights_registry=self.weights)
        for pending in self.pending:
            pending.model = models[pending.name]
