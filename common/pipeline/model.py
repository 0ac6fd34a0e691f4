# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""The pipeline model of a single-device decoder, on MAX's Llama pipeline.

It takes batching, KV cache and log probabilities from there, and builds the graph from the
port's :class:`common.layers.Decoder`, after an audit of its weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from max.engine import InferenceSession, Model
from max.pipelines.architectures.llama3.model import LlamaModelBase
from max.pipelines.lib import CompilationTimer
from max.pipelines.lib.graph_specs import CompiledArtifacts, GraphRole, GraphSpec, init_graphs

from common.adapters import Tensor, audit
from common.config import DecoderConfig
from common.layers import Decoder

from .compiled import Record, body, max_version
from .target import Target


class DecoderModel(LlamaModelBase):
    """Serves one port; a subclass names its config and its decoder."""

    decoder_cls: ClassVar[type[Decoder[Any]]]

    def _create_model_config(self, state_dict: dict[str, Any]) -> DecoderConfig:
        return dataclasses.replace(self.arch_config, return_logits=self.return_logits)

    def graph_specs(self, model_config: DecoderConfig) -> dict[str, GraphSpec]:
        """Returns the decoder's graph, its weights audited and bound.

        Raises:
            PortError: If the adapted checkpoint and the graph's parameters differ.
        """
        decoder = self.decoder_cls(model_config)
        weights = {name: Tensor.of(name, data) for name, data in self.state_dict.items()}
        audit(weights, decoder.raw_state_dict())
        # Memory-mapped tensors start where the file puts them.
        decoder.load_state_dict(self.state_dict, weight_alignment=1)
        return {
            GraphRole.DECODER: GraphSpec(
                decoder,
                self.huggingface_config.model_type,
                self._bind_graph_inputs(decoder.input_tree(self.kv_params)),
                weights=decoder.state_dict(),
            )
        }

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
