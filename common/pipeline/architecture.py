# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What MAX's registry wants to know of a decoder, filled in from its pipeline model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from max.graph.weights import WeightsFormat
from max.pipelines.architectures.llama3.batch_processor import Llama3BatchProcessor
from max.pipelines.context import TextContext
from max.pipelines.kv_cache.memory_planner import PagedMemoryPlanner
from max.pipelines.lib import SupportedArchitecture
from max.pipelines.modeling.types import PipelineTask

from common.adapters import Adapter, WeightMap, gguf_map

from .model import DecoderModel
from .tokenizer import PortTokenizer

MapMaker = Callable[[Any], WeightMap]


def decoder_architecture(
    name: str,
    model: type[DecoderModel],
    weight_map: MapMaker,
    gguf_weight_map: MapMaker = gguf_map,
    *,
    example_repo_ids: list[str],
) -> SupportedArchitecture:
    """Returns the registration of a decoder.

    Args:
        name: The class named by ``architectures`` in config.json.
        model: The port's pipeline model.
        weight_map: Makes the map of a safetensors checkpoint from the port's config.
        gguf_weight_map: The same of a GGUF file; by default its names are all that differs.
        example_repo_ids: Checkpoints on the Hub that the port serves.
    """
    config = model.model_config_cls
    return SupportedArchitecture(
        name=name,
        example_repo_ids=example_repo_ids,
        default_encoding=config.DEFAULT_ENCODING,
        supported_encodings=config.SUPPORTED_ENCODINGS,
        pipeline_model=model,
        task=PipelineTask.TEXT_GENERATION,
        tokenizer=PortTokenizer,
        default_weights_format=WeightsFormat.safetensors,
        context_type=TextContext,
        config=config,
        weight_adapters={
            WeightsFormat.safetensors: Adapter(config, weight_map),
            WeightsFormat.gguf: Adapter(config, gguf_weight_map),
        },
        batching=Llama3BatchProcessor,
        memory_planner=PagedMemoryPlanner,
        multi_gpu_supported=True,
    )
