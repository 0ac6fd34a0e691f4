# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How this repository compiles: at a seam for many models, with a record beside what it keeps.

MAX's own way, of its Llama, is to compile each graph by itself; that is where a model without
this class ends up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from max.engine import InferenceSession, Model
from max.pipelines.architectures.llama3.model import LlamaModelBase
from max.pipelines.lib import CompilationTimer
from max.pipelines.lib.graph_specs import CompiledArtifacts, GraphRole, GraphSpec, init_graphs

from .compiled import Record, body, max_version
from .target import Target


class RecordedGraphs(LlamaModelBase):
    """A Llama pipeline that knows of its compiled graphs what they were compiled from."""

    def load_graphs(self, session: InferenceSession) -> dict[str, Model]:
        """Builds, compiles and initializes the graphs, keyed by role."""
        with CompilationTimer("model") as timer:
            specs = self.graph_specs(self._create_model_config(self._load_state_dict()))
            timer.mark_build_complete()
            models = self.compile(session, specs)
        self._maybe_release_host_weights(*models.values())
        self._wire_batch_processor(models[GraphRole.DECODER], self.arch_config)
        return models

    def compile(
        self, session: InferenceSession, specs: Mapping[str, GraphSpec]
    ) -> dict[str, Model]:
        """Compiles and initializes; the seam at which many models compile as one module.

        Raises:
            PortError: If ``--precompiled-mefs`` holds other graphs than these.
        """
        graphs = {role: spec.trace() for role, spec in specs.items()}
        runtime = self.pipeline_config.runtime
        target = Target.of(self.arch_config.device, self.arch_config.dtype)
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
