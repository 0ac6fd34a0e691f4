# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The pipeline model of a decoder, on MAX's Llama pipeline.

It takes batching, KV cache and log probabilities from there, and builds the graph from the
port's :class:`common.layers.Decoder`, after an audit of its weights.
"""

from __future__ import annotations

import dataclasses
import shlex
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from max.driver import Buffer
from max.pipelines.lib.graph_specs import GraphRole, GraphSpec

from common.adapters import Tensor, audit
from common.checkpoint import weight_files
from common.config import DecoderConfig
from common.errors import PortError
from common.layers import Decoder
from common.layers.ranks import signalled

from .recorded import RecordedGraphs


class DecoderModel(RecordedGraphs):
    """Serves one port; a subclass names its decoder."""

    decoder_cls: ClassVar[type[Decoder[Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.model_config_cls = cls.decoder_cls.config_cls()

    @cached_property
    def signal_buffers(self) -> list[Buffer]:
        """What devices signal each other with; nothing for ranks on one device."""
        return super().signal_buffers if signalled(self.arch_config.devices) else []

    def _load_state_dict(self) -> dict[str, Any]:
        """Returns the graph's weights.

        Raises:
            PortError: If MAX, left to choose, found files beside those of the checkpoint: of names
                met twice it keeps the last in the order of a directory.
        """
        model = self.pipeline_config.model
        directory, chosen = Path(model.model_path), model.resolved_weight_paths()
        if directory.is_dir() and chosen[0].suffix == ".safetensors":
            files = weight_files(directory)
            if {file.resolve() for file in chosen} != {file.resolve() for file in files}:
                raise PortError(
                    f"MAX would load {shlex.join(map(str, chosen))}; the checkpoint is"
                    f" --weight-path {shlex.join(map(str, files))}, as ./ports serve gives it"
                )
        return super()._load_state_dict()

    def _create_model_config(self, state_dict: dict[str, Any]) -> DecoderConfig:
        config = dataclasses.replace(self.arch_config, return_logits=self.return_logits)
        return config.fitted(state_dict)

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
                getattr(self.huggingface_config, "model_type", "decoder"),
                self._bind_graph_inputs(decoder.input_tree(self.kv_params)),
                weights=decoder.state_dict(),
            )
        }
