# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How this repository compiles: at a seam for many models, with a record beside what it keeps.

MAX's own way, of its Llama, is to compile each graph by itself; that is where a model without
this class ends up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path

from max.engine import InferenceSession, Model
from max.pipelines.architectures.llama3.model import LlamaModelBase
from max.pipelines.lib import CompilationTimer
from max.pipelines.lib.graph_specs import CompiledArtifacts, GraphRole, GraphSpec, init_graphs

from common.compiled.record import Record, body, max_version
from common.compiled.target import Target

Compiler = Callable[[InferenceSession, Mapping[str, GraphSpec]], dict[str, Model]]
#: Compiles the graphs of the pipelines that are built in this context, if they are not to compile
#: themselves. MAX builds a model from a config and has no argument to hand it through.
COMPILER: ContextVar[Compiler | None] = ContextVar("COMPILER", default=None)


class RecordedGraphs(LlamaModelBase):
    """A Llama pipeline that knows of its compiled graphs what they were compiled from."""

    def load_graphs(self, session: InferenceSession) -> dict[str, Model]:
        """Builds, compiles and initializes the graphs, keyed by role."""
        with CompilationTimer("model") as timer:
            specs = self.graph_specs(self._create_model_config(self._load_state_dict()))
            timer.mark_build_complete()
            models = (COMPILER.get() or self.compile)(session, specs)
        self._maybe_release_host_weights(*models.values())
        self._wire_batch_processor(models[GraphRole.DECODER], self.arch_config)
        return models

    def compile(
        self, session: InferenceSession, specs: Mapping[str, GraphSpec]
    ) -> dict[str, Model]:
        """Compiles and initializes.

        Raises:
            PortError: If ``--precompiled-mefs`` holds other graphs than these.
        """
        graphs = {role: spec.trace() for role, spec in specs.items()}
        runtime = self.pipeline_config.runtime
        target = Target.of(self.arch_config.devices, self.arch_config.dtype)
        record = Record(
            max_version(),
            target.name,
            target.encoding,
            self.arch_config.max_seq_len,
            {GraphRole(role).value: body(graph) for role, graph in graphs.items()},
        )
        if runtime.precompiled_mefs:
            directory = Path(runtime.precompiled_mefs)
            Record.read(directory).check(record, directory)
        compiled = [session.compile_reusing_mefs(graph) for graph in graphs.values()]
        if runtime.export_mefs:
            record.write(Path(runtime.export_mefs))
        roles = {role: i for i, role in enumerate(graphs)}
        self.compiled_artifacts = CompiledArtifacts(compiled=compiled, _roles=roles)
        return init_graphs(session, self.compiled_artifacts, specs)
