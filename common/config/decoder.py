# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""The config every port extends: a decoder's dimensions, and how it is deployed.

The first group of fields is read from config.json; the second, with defaults, is what MAX
decides when it serves (dtype, devices, KV cache, lengths).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypedDict, TypeVar

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

from .keys import ConfigKeys
from .rope import RopeParameters

# MAX still runs on Python 3.10, which has no Self.
ConfigT = TypeVar("ConfigT", bound="DecoderConfig")


class Heads(TypedDict):
    """Sizes of heads."""

    num_heads: int
    num_kv_heads: int
    head_dim: int


def _flag(keys: ConfigKeys, of: str | bool) -> bool:
    return keys[of] if isinstance(of, str) else of


def layer_windows(layer_types: Iterable[str], window: int | None) -> tuple[int | None, ...]:
    """Returns the sliding window of each layer in tokens, or None for full attention."""
    return tuple(window if kind == "sliding_attention" else None for kind in layer_types)


@dataclass(kw_only=True)
class DecoderConfig(ArchConfigWithStoredKVParams, ArchConfigWithKVCache):
    """A decoder's dimensions; a port adds the fields of its own deltas.

    A field without a default is read from the key of its name, unless :meth:`read` returns it.

    Raises:
        PortError: From the readers, when config.json asks for what the port does not do.
    """

    DEFAULT_ENCODING: ClassVar[SupportedEncoding] = "bfloat16"
    SUPPORTED_ENCODINGS: ClassVar[set[SupportedEncoding]] = {"float32", "bfloat16"}
    #: The key that holds the epsilon of the norms.
    NORM_EPS: ClassVar[str] = "rms_norm_eps"
    #: The key for the MLP's width; where it is null, the width is four times the hidden size.
    INTERMEDIATE_SIZE: ClassVar[str] = "intermediate_size"
    #: The key that names the MLP's activation.
    HIDDEN_ACT: ClassVar[str] = "hidden_act"
    #: The key for biases on q, k and v, or whether they are there where no key decides.
    ATTENTION_BIAS: ClassVar[str | bool] = "attention_bias"
    #: The same for attention's output projection; as for q, k and v if None.
    OUTPUT_BIAS: ClassVar[str | bool | None] = None
    #: Whether heads rotate at all.
    ROTARY: ClassVar[bool] = True
    #: Keys this architecture's checkpoints carry to no effect, each with its reason.
    IGNORED: ClassVar[Mapping[str, str]] = {}
    #: Keys that transformers folds into another when it loads, each with that other.
    LEGACY: ClassVar[Mapping[str, str]] = {}
    #: Keys that change what is computed, each with the only value that is served.
    REQUIRED: ClassVar[Mapping[str, Any]] = {}
    #: Keys that are asked for and this architecture's config has not, each with the value
    #: that its code amounts to.
    ABSENT: ClassVar[Mapping[str, Any]] = {}

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    hidden_act: str
    norm_eps: float
    attention_bias: bool
    output_bias: bool
    tie_word_embeddings: bool
    rope_parameters: RopeParameters | None

    dtype: DType = DType.float32
    devices: list[DeviceRef] = field(default_factory=lambda: [DeviceRef.CPU()])
    max_seq_len: int = 0
    kv_params: KVCacheParamInterface = None
    return_logits: ReturnLogits = ReturnLogits.LAST_TOKEN

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        """Returns the fields that are not simply the value of the key of their name."""
        heads = keys["num_attention_heads"]
        head_dim = keys.get("head_dim", keys["hidden_size"] // heads)
        width = keys[cls.INTERMEDIATE_SIZE]
        bias = _flag(keys, cls.ATTENTION_BIAS)
        rope = None
        if cls.ROTARY:
            rope = RopeParameters.read(
                keys["rope_parameters"],
                head_dim=head_dim,
                max_position_embeddings=keys["max_position_embeddings"],
            )
        return dict(
            hidden_size=keys["hidden_size"],
            intermediate_size=4 * keys["hidden_size"] if width is None else width,
            num_hidden_layers=keys["num_hidden_layers"],
            num_attention_heads=heads,
            num_key_value_heads=keys.get("num_key_value_heads", heads),
            head_dim=head_dim,
            vocab_size=keys["vocab_size"],
            hidden_act=keys[cls.HIDDEN_ACT],
            norm_eps=keys[cls.NORM_EPS],
            attention_bias=bias,
            output_bias=bias if cls.OUTPUT_BIAS is None else _flag(keys, cls.OUTPUT_BIAS),
            tie_word_embeddings=keys["tie_word_embeddings"],
            rope_parameters=rope,
        )

    @classmethod
    def read_all(cls, keys: ConfigKeys) -> dict[str, Any]:
        """Returns every field that config.json decides."""
        for key, value in cls.REQUIRED.items():
            keys.require(key, value)
        found = cls.read(keys)
        rest = (f for f in dataclasses.fields(cls) if f.name not in found)
        missing = dataclasses.MISSING
        named = (f.name for f in rest if f.default is missing and f.default_factory is missing)
        return found | {name: keys[name] for name in named}

    @classmethod
    def fixed_flags(cls) -> set[str]:
        """Returns the switches that no key of their own decides."""
        flags = {"attention_bias": cls.ATTENTION_BIAS, "output_bias": cls.OUTPUT_BIAS}
        return {name for name, key in flags.items() if not isinstance(key, str)}

    @classmethod
    def from_huggingface(cls: type[ConfigT], huggingface_config: Any) -> ConfigT:
        """Builds the config from a transformers config object, deployment left at defaults."""
        quantization = getattr(huggingface_config, "quantization_config", None)
        if quantization:
            method = getattr(quantization, "quant_method", None) or dict(quantization).get(
                "quant_method", "unknown"
            )
            raise PortError(
                f"the checkpoint is quantised ({method}); this port serves"
                f" {' and '.join(sorted(cls.SUPPORTED_ENCODINGS))} weights only"
            )
        return cls(**cls.read_all(ConfigKeys(huggingface_config, cls.ABSENT)))

    @classmethod
    def unaccounted(cls, huggingface_config: Any, raw: Iterable[str]) -> list[str]:
        """Returns the keys of config.json that the port neither reads nor lists as ignored."""
        keys = ConfigKeys(huggingface_config, cls.ABSENT)
        cls.read_all(keys)
        return keys.unaccounted(raw, cls.IGNORED, cls.LEGACY)

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
            PortError: If more is asked for than the checkpoint has positions.
        """
        asked, most = model_config.max_length, huggingface_config.max_position_embeddings
        if asked and asked > most:
            raise PortError(
                f"--max-length {asked} is more than the {most} positions of the checkpoint"
                " (max_position_embeddings in config.json)"
            )
        return asked or most

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
        """Returns the KV cache of grouped-query attention, from fields instead of raw keys."""
        config = cls.from_huggingface(huggingface_config)
        return kv_cache_config.to_params(
            dtype=cache_dtype,
            allow_kv_head_replication=allow_kv_head_replication,
            n_kv_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            num_layers=config.num_hidden_layers,
            devices=devices,
            data_parallel_degree=pipeline_config.model.data_parallel_degree,
        )

    @property
    def heads(self) -> Heads:
        """The sizes that the rules for fused projections ask for, by their names."""
        return Heads(
            num_heads=self.num_attention_heads,
            num_kv_heads=self.num_key_value_heads,
            head_dim=self.head_dim,
        )

    @property
    def rope(self) -> RopeParameters:
        """The rotation, of an architecture that has one."""
        assert self.rope_parameters is not None
        return self.rope_parameters

    @property
    def device(self) -> DeviceRef:
        """The device the decoder runs on."""
        return self.devices[0]

    @property
    def cache(self) -> KVCacheParams:
        """The KV cache's parameters, known to be those of one plain cache."""
        assert isinstance(self.kv_params, KVCacheParams)
        return self.kv_params
