# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the decoders of many pipelines as one module, or initialises what was compiled before.

The compiler's floor is paid for each module, and each further graph costs about an eighth of it.
So pipelines are built as usual, but with their decoders deferred; then all compile at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from max.driver import Buffer, DLPackArray
from max.engine import CompiledModel, InferenceSession, Model
from max.graph import Module
from max.pipelines.lib.graph_specs import GraphRole, GraphSpec

from common.compiled.record import Record, body, max_version
from common.compiled.target import Target
from common.errors import PortError
from common.pipeline.recorded import COMPILER

from .compile import DECODERS, TRACED, session_for
from .harness import MAX_LENGTH


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
    """Collects decoders under a name each, then compiles them together.

    Args:
        target: What to compile for.
    """

    def __init__(self, target: Target | None = None) -> None:
        self.target = target or Target()
        self.module = Module()
        self.weights: dict[str, DLPackArray] = {}
        self.pending: list[Pending] = []
        self.bodies: dict[str, str] = {}
        self._compiled: tuple[InferenceSession, CompiledModel] | None = None

    @contextlib.contextmanager
    def collecting(self, prefix: str) -> Iterator[None]:
        """Defers the compiles of pipelines built inside; ``prefix`` must be new."""

        def defer(session: InferenceSession, specs: Mapping[str, GraphSpec]) -> dict[str, Any]:
            return {
                role: self._add(f"{prefix}/{GraphRole(role).value}", spec)
                for role, spec in specs.items()
            }

        token = COMPILER.set(defer)
        try:
            yield
        finally:
            COMPILER.reset(token)

    def _add(self, prefix: str, spec: GraphSpec) -> Pending:
        # Names are global in a module, those of weights too.
        for name, weight in spec.module.raw_state_dict().items():
            weight.name = f"{prefix}/{name}"
        graph = spec.module.trace(*spec.input_types, name=prefix, module=self.module)
        self.bodies[prefix] = body(graph)
        values = spec.weights if spec.weights is not None else spec.module.state_dict()
        self.weights |= {f"{prefix}/{name}": value for name, value in values.items()}
        self.pending.append(Pending(prefix))
        return self.pending[-1]

    def compile(self) -> None:
        """Compiles and initializes everything collected."""
        session = session_for(self.target)
        self._initialize(session, session.compile(self.module), self.weights)

    def write(self, directory: Path) -> None:
        """Writes the graphs collected to a directory, as text, and what they are."""
        (directory / TRACED).write_text(self.module._to_mlir_str())
        self._record().write(directory)

    def load(self, directory: Path) -> None:
        """Initializes everything collected from a directory, which may hold more.

        Raises:
            PortError: If the directory was compiled from other graphs, or for another target.
        """
        record = Record.read(directory)
        record.check(self._record(), directory)
        weights = self.weights | record.placeholders(self.weights)
        session = session_for(self.target)
        try:
            module = session.compile(directory / DECODERS)
        except Exception as error:  # MAX has no class for it.
            raise PortError(f"{directory / DECODERS} is damaged: {error}") from None
        self._initialize(session, module, weights)

    def _record(self) -> Record:
        weights = {
            name: (Buffer.from_dlpack(value).dtype.name, list(value.shape))
            for name, value in self.weights.items()
        }
        target = self.target
        return Record(max_version(), target.name, target.encoding, MAX_LENGTH, self.bodies, weights)

    def _initialize(
        self,
        session: InferenceSession,
        compiled: CompiledModel,
        weights: Mapping[str, DLPackArray],
    ) -> None:
        self._compiled = session, compiled
        self.weights = dict(weights)
        self._hand_out(self.weights)

    def reinitialize(self, weights: Mapping[str, DLPackArray]) -> None:
        """Initializes everything anew with other values of some weights; nothing compiles."""
        self._hand_out(self.weights | dict(weights))

    def _hand_out(self, weights: Mapping[str, DLPackArray]) -> None:
        assert self._compiled is not None, "nothing is compiled yet"
        session, compiled = self._compiled
        models = session.init_all(compiled, weights_registry=weights)
        for pending in self.pending:
            pending.model = models[pending.name]
