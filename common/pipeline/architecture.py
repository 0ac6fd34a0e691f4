# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""What MAX's registry wants to know of a decoder, filled in from its pipeline model."""

from __future__ import annotations

from max.graph.weights import WeightsAdapter, WeightsFormat
from max.pipelines.architectures.llama3.batch_processor import Llama3BatchProcessor
from max.pipelines.context import TextContext
from max.pipelines.kv_cache.memory_planner import PagedMemoryPlanner
from max.pipelines.lib import SupportedArchitecture, TextTokenizer
from max.pipelines.modeling.types import PipelineTask

from .model import DecoderModel


def decoder_architecture(
    name: str,
    model: type[DecoderModel],
    *,
    safetensors: WeightsAdapter,
    gguf: WeightsAdapter,
    example_repo_ids: list[str],
) -> SupportedArchitecture:
    """Returns the registration of a decoder.

    Args:
        name: The class named by ``architectures`` in config.json.
        model: The port's pipeline model.
        safetensors: The weight adapter for safetensors checkpoints.
        gguf: The weight adapter for GGUF files.
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
        tokenizer=TextTokenizer,
        default_weights_format=WeightsFormat.safetensors,
        context_type=TextContext,
        config=config,
        weight_adapters={WeightsFormat.safetensors: safetensors, WeightsFormat.gguf: gguf},
        batching=Llama3BatchProcessor,
        memory_planner=PagedMemoryPlanner,
    )
