# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How a decoder is deployed: what MAX decides when it serves, beside what config.json says."""

from __future__ import annotations

import dataclasses
import logging
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from max.dtype import DType
from max.graph import DeviceRef
from max.nn.kv_cache import KVCacheParams
from max.nn.kv_cache.cache_params import KVCacheParamInterface
from max.nn.transformer import ReturnLogits
from max.pipelines.kv_cache import cache_dtype_for_encoding
from max.pipelines.lib import KVCacheConfig, MAXModelConfig, PipelineConfig
from max.pipelines.lib.config.model_config import _select_quantization_encoding
from max.pipelines.lib.interfaces.arch_config import (
    ArchConfigWithKVCache,
    ArchConfigWithStoredKVParams,
)
from max.pipelines.modeling.config_enums import SupportedEncoding, supported_encoding_dtype

from common.errors import PortError

# MAX still runs on Python 3.10, which has no Self.
ConfigT = TypeVar("ConfigT", bound="Deployment")

logger = logging.getLogger("max.pipelines")


def span(total: int, rank: int, count: int) -> tuple[int, int]:
    """Returns the first and the end of a rank's share; the first ranks have one more if need be."""
    each, more = divmod(total, count)
    first = rank * each + min(rank, more)
    return first, first + each + (rank < more)


@dataclass(kw_only=True)
class Deployment(ArchConfigWithStoredKVParams, ArchConfigWithKVCache):
    """Dtype, devices, KV cache and lengths of a decoder whose sizes a subclass knows."""

    DEFAULT_ENCODING: ClassVar[SupportedEncoding] = "bfloat16"
    SUPPORTED_ENCODINGS: ClassVar[set[SupportedEncoding]] = {"float32", "bfloat16"}

    num_hidden_layers: int
    num_key_value_heads: int
    head_dim: int

    dtype: DType = DType.float32
    devices: list[DeviceRef] = field(default_factory=lambda: [DeviceRef.CPU()])
    max_seq_len: int = 0
    kv_params: KVCacheParamInterface = None
    return_logits: ReturnLogits = ReturnLogits.LAST_TOKEN

    @classmethod
    @abstractmethod
    def from_huggingface(cls: type[ConfigT], huggingface_config: Any) -> ConfigT:
        """Builds the config from a transformers config object, deployment left at defaults."""

    @classmethod
    def initialize(
        cls: type[ConfigT],
        pipeline_config: PipelineConfig,
        model_config: MAXModelConfig | None = None,
        *,
        max_seq_len: int,
    ) -> ConfigT:
        """Builds the config for serving; see MAX's ``ArchConfig.initialize``."""
        model_config = model_config or pipeline_config.model
        encoding = _select_quantization_encoding(model_config, cls.DEFAULT_ENCODING)
        devices = [DeviceRef(spec.device_type, spec.id) for spec in model_config.device_specs]
        return dataclasses.replace(
            cls.from_huggingface(model_config.huggingface_config),
            dtype=supported_encoding_dtype(encoding),
            devices=devices,
            max_seq_len=max_seq_len,
            kv_params=cls.construct_kv_params(
                model_config.huggingface_config,
                pipeline_config,
                devices,
                model_config.kv_cache,
                cache_dtype_for_encoding(encoding, model_config.kv_cache.kv_cache_format),
            ),
        )

    @classmethod
    def calculate_max_seq_len(cls, huggingface_config: Any, model_config: MAXModelConfig) -> int:
        """Returns the longest sequence to serve, in tokens.

        Raises:
            PortError: If the positions of the checkpoint cannot serve what is asked for.
        """
        length = model_config.max_length or huggingface_config.max_position_embeddings
        config = cls.from_huggingface(huggingface_config)
        if warning := config.beyond(length, huggingface_config):
            logger.warning(warning)
        return int(length)

    @classmethod
    def construct_kv_params(
        cls,
        huggingface_config: Any,
        pipeline_config: PipelineConfig,
        devices: list[DeviceRef],
        kv_cache_config: KVCacheConfig,
        cache_dtype: DType,
        *,
        allow_kv_head_replication: bool = False,
    ) -> KVCacheParamInterface:
        """Returns the KV cache of grouped-query attention, from fields instead of raw keys.

        Raises:
            PortError: If the heads do not divide over the devices.
        """
        config = cls.from_huggingface(huggingface_config)
        if pipeline_config.model.data_parallel_degree > 1:
            raise PortError(
                "--data-parallel-degree: a port divides one batch over its devices; start a server"
                " for each copy instead"
            )
        config.check_ranks(len(devices))
        return kv_cache_config.to_params(
            dtype=cache_dtype,
            # A key-value head may be on several devices.
            allow_kv_head_replication=True,
            n_kv_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            num_layers=config.num_hidden_layers,
            devices=devices,
            data_parallel_degree=pipeline_config.model.data_parallel_degree,
        )

    def beyond(self, asked: int, huggingface_config: Any) -> str | None:
        """Returns a warning if ``asked`` tokens are more than the checkpoint was made for.

        Cohere's configs say more in ``model_max_length`` than in ``max_position_embeddings``, and
        YaRN's factor counts from the length before it.
        """
        scaling = getattr(huggingface_config, "rope_parameters", None) or {}
        before, factor = scaling.get("original_max_position_embeddings"), scaling.get("factor")
        named = getattr(huggingface_config, "model_max_length", None)
        lengths = [huggingface_config.max_position_embeddings, named]
        if isinstance(before, int) and isinstance(factor, int | float):
            lengths.append(int(before * factor))
        most = max(length for length in lengths if isinstance(length, int))
        if asked <= most:
            return None
        return (
            f"--max-length {asked} is more than the {most} positions of the checkpoint"
            " (config.json); what it writes beyond them may be of no use"
        )

    @abstractmethod
    def check_ranks(self, count: int) -> None:
        """Checks that the decoder can be divided over ``count`` devices."""

    @property
    def device(self) -> DeviceRef:
        """The device the decoder runs on."""
        return self.devices[0]

    @property
    def cache(self) -> KVCacheParams:
        """The KV cache's parameters, known to be those of one plain cache."""
        assert isinstance(self.kv_params, KVCacheParams)
        return self.kv_params
