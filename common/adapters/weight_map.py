# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Applies a port's rules to a checkpoint and hands MAX the adapter it registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from max.dtype import DType
from max.graph.weights import WeightData, Weights
from max.pipelines.lib.config.model_config import _select_quantization_encoding
from max.pipelines.modeling.config_enums import supported_encoding_dtype

from common.config import DecoderConfig
from common.errors import PortError

from .rules import Drop, Named, Rule

ConfigT = TypeVar("ConfigT", bound=DecoderConfig)


class WeightMap:
    """An ordered list of rules; each sees what the rules before it produced."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def convert(self, checkpoint: Mapping[str, Weights], dtype: DType) -> dict[str, WeightData]:
        """Returns the graph's weights by name; each keeps its checkpoint name as ``.name``.

        Args:
            checkpoint: The checkpoint's tensors by name, as MAX loads them.
            dtype: The dtype the graph computes in; floating-point tensors are cast to it.

        Raises:
            PortError: If two tensors end up with one name.
        """
        adapted: dict[str, WeightData] = {}
        for source, weights in checkpoint.items():
            parts: list[Named] = [(source, weights.data())]
            for rule in self.rules:
                parts = [made for part in parts for made in rule(*part)]
            for name, data in parts:
                if name in adapted:
                    raise PortError(
                        f"checkpoint tensors {adapted[name].name} and {source} both become {name}"
                    )
                adapted[name] = data.astype(dtype) if data.dtype.is_float() else data
        return adapted


def adapt(
    config: ConfigT,
    weight_map: Callable[[ConfigT], WeightMap],
    checkpoint: Mapping[str, Weights],
    dtype: DType,
) -> dict[str, WeightData]:
    """Applies a port's map, and then what every decoder has in common.

    Some files of tied checkpoints carry the embedding a second time, as the head.
    """
    rules = [*weight_map(config).rules]
    if config.tie_word_embeddings:
        rules.append(Drop(r"lm_head\.weight", "tied to embed_tokens.weight"))
    return WeightMap(*rules).convert(checkpoint, dtype)


@dataclass(frozen=True)
class Adapter(Generic[ConfigT]):
    """The weight adapter of a port, in the form that MAX calls.

    A class, because MAX pickles it for its model worker, which a closure does not survive.

    Attributes:
        config_cls: The port's config.
        weight_map: Makes the port's map from its config; a function of a module.
    """

    config_cls: type[ConfigT]
    weight_map: Callable[[ConfigT], WeightMap]

    def __call__(
        self,
        state_dict: Mapping[str, Weights],
        *,
        huggingface_config: Any,
        pipeline_config: Any,
        **unused: Any,
    ) -> dict[str, WeightData]:
        """Returns the graph's weights by name, in the dtype that is served."""
        encoding = _select_quantization_encoding(
            pipeline_config.model, self.config_cls.DEFAULT_ENCODING
        )
        config = self.config_cls.from_huggingface(huggingface_config)
        return adapt(config, self.weight_map, state_dict, supported_encoding_dtype(encoding))
