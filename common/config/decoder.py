# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The config that every port extends: a decoder's sizes, read from config.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict, TypeVar

from common.errors import PortError

from .deployment import Deployment, span
from .keys import ConfigKeys
from .rope import RopeParameters

ConfigT = TypeVar("ConfigT", bound="DecoderConfig")


#: Columns of a head beyond which a config is damaged: no attention kernel takes a tenth of them.
WIDEST_HEAD = 65536


class Heads(TypedDict):
    """Sizes of heads."""

    num_heads: int
    num_kv_heads: int
    head_dim: int


def not_read(*keys: str) -> dict[str, str]:
    """Returns an ``IGNORED`` table of keys that released files have, and no code reads."""
    return dict.fromkeys(keys, "in released files; the reference does not read it")


@dataclass(kw_only=True)
class DecoderConfig(Deployment):
    """A decoder's sizes; a port adds the fields of its own deltas.

    A field without a default is read from the key of its name, unless :meth:`read` returns it.
    Tables say what differs: those of a class add to those of its bases.

    Raises:
        PortError: From the readers, when config.json asks for what the port does not do.
    """

    #: Fields whose key is spelled differently, each with that key, or with the field it follows.
    KEYS: ClassVar[Mapping[str, str]] = {
        "norm_eps": "rms_norm_eps",
        "output_bias": "attention_bias",
    }
    #: Keys with the only value that is served. The config need not have them, and a field of that
    #: key has that value.
    REQUIRED: ClassVar[Mapping[str, Any]] = {}
    #: Keys this architecture's checkpoints carry to no effect, each with its reason.
    IGNORED: ClassVar[Mapping[str, str]] = {}
    #: Fields of which ranks on several devices have a share each.
    SPLIT: ClassVar[tuple[str, ...]] = ("intermediate_size", "vocab_size")
    #: Keys that transformers folds into another when it loads, each with that other.
    LEGACY: ClassVar[Mapping[str, str]] = {}

    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    vocab_size: int
    hidden_act: str
    norm_eps: float
    attention_bias: bool
    output_bias: bool
    tie_word_embeddings: bool
    rope_parameters: RopeParameters | None

    @classmethod
    def table(cls, name: str) -> dict[str, Any]:
        """Returns one of the class's tables with those of its bases."""
        found: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            found |= vars(base).get(name, {})
        return found

    @classmethod
    def key_of(cls, field: str) -> str:
        """Returns the key that a field is read from."""
        keys, required = cls.table("KEYS"), cls.table("REQUIRED")
        # A field may be spelled as its base's is not: as itself.
        while keys.get(field, field) != field and field not in required:
            field = keys[field]
        return field

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        """Returns the fields that are not simply the value of their key."""
        hidden, heads = keys[cls.key_of("hidden_size")], keys[cls.key_of("num_attention_heads")]
        head_dim = keys.get(cls.key_of("head_dim"), hidden // heads)
        if not 0 < head_dim <= WIDEST_HEAD:
            raise PortError(
                f"heads of {head_dim} columns are none (config.json: hidden_size {hidden},"
                f" {heads} heads)"
            )
        width, positions = keys[cls.key_of("intermediate_size")], keys["max_position_embeddings"]
        kv_heads = keys.get(cls.key_of("num_key_value_heads"), heads)
        rope = keys[cls.key_of("rope_parameters")]
        if rope:
            rope = RopeParameters.read(rope, head_dim=head_dim, max_position_embeddings=positions)
        return dict(
            # Null in GPT-2.
            intermediate_size=4 * hidden if width is None else width,
            num_key_value_heads=kv_heads,
            head_dim=head_dim,
            rope_parameters=rope,
        )

    @classmethod
    def read_all(cls, keys: ConfigKeys) -> dict[str, Any]:
        """Returns every field that config.json decides."""
        required = cls.table("REQUIRED")
        for key, value in required.items():
            keys.require(key, value)
        found = cls.read(keys)
        rest = (f for f in dataclasses.fields(cls) if f.name not in found)
        missing = dataclasses.MISSING
        named = (f.name for f in rest if f.default is missing and f.default_factory is missing)
        for name in named:
            key = cls.key_of(name)
            found[name] = required[key] if key in required else keys[key]
        return found

    @classmethod
    def fixed_flags(cls) -> set[str]:
        """Returns the switches that no key of their own decides."""
        fields, required = {f.name for f in dataclasses.fields(cls)}, cls.table("REQUIRED")
        following = {name for name, key in cls.table("KEYS").items() if key in fields}
        return following | {name for name in fields if cls.key_of(name) in required}

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
        keys = cls.keys(huggingface_config)
        with keys.named():
            return cls(**cls.read_all(keys))

    @classmethod
    def keys(cls, huggingface_config: Any) -> ConfigKeys:
        """Returns the keys of a transformers config object, none of them read yet."""
        return ConfigKeys(huggingface_config, cls.table("REQUIRED"))

    @classmethod
    def unaccounted(cls, huggingface_config: Any, raw: Iterable[str]) -> list[str]:
        """Returns the keys of config.json that the port neither reads nor lists as ignored."""
        keys = cls.keys(huggingface_config)
        cls.read_all(keys)
        return keys.unaccounted(raw, cls.table("IGNORED"), cls.table("LEGACY"))

    def fitted(self: ConfigT, weights: Collection[str]) -> ConfigT:
        """Returns the config of a graph for these weights, named as the graph names them.

        A checkpoint may hold a head of its own where config.json says that it is tied (see
        :func:`common.adapters.weight_map.plan`).
        """
        tied = self.tie_word_embeddings and "lm_head.weight" not in weights
        return dataclasses.replace(self, tie_word_embeddings=tied)

    def check_ranks(self, count: int) -> None:
        """Checks that a decoder can be divided over some devices.

        Raises:
            PortError: If its heads do not divide.
        """
        heads, kv_heads = self.num_attention_heads, self.num_key_value_heads
        if heads % count or (kv_heads % count and count % kv_heads):
            fits = (n for n in range(1, heads + 1) if not heads % n)
            counts = [n for n in fits if not kv_heads % n or not n % kv_heads]
            raise PortError(
                f"{heads} attention heads and {kv_heads} key-value heads (config.json) do not"
                f" divide over {count} devices; {', '.join(map(str, counts))} would do"
            )

    def rank(self: ConfigT, number: int) -> ConfigT:
        """Returns the config of one device's share of a decoder.

        Args:
            number: Which of :attr:`devices`.
        """
        count = len(self.devices)
        kv_heads = self.cache.n_kv_heads_per_device
        device = [self.devices[number]]
        shares: dict[str, Any] = {}
        for name in self.SPLIT:
            first, end = span(getattr(self, name), number, count)
            shares[name] = end - first
        return dataclasses.replace(
            self,
            devices=device,
            kv_params=dataclasses.replace(self.cache, devices=device, n_kv_heads=kv_heads),
            num_attention_heads=self.num_attention_heads // count,
            num_key_value_heads=kv_heads,
            **shares,
        )

    def beyond(self, asked: int, huggingface_config: Any) -> str | None:
        """As :meth:`common.config.deployment.Deployment.beyond`.

        Raises:
            PortError: If the rotation cannot serve such a length.
        """
        if self.rope_parameters:
            self.rope_parameters.check(asked)
        return super().beyond(asked, huggingface_config)

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


@dataclass(kw_only=True)
class WindowedConfig(DecoderConfig):
    """A decoder whose layers slide by their kind, as ``layer_types`` has it.

    Attributes:
        windows: Per layer, the sliding window in tokens, or None for full attention.
    """

    windows: tuple[int | None, ...]

    @classmethod
    def read(cls, keys: ConfigKeys) -> dict[str, Any]:
        """Returns the fields that are not simply the value of their key."""
        window, kinds = keys.get("sliding_window"), keys["layer_types"]
        windows = tuple(window if kind == "sliding_attention" else None for kind in kinds)
        return super().read(keys) | dict(windows=windows)


@dataclass(kw_only=True)
class LearnedPositionsConfig(DecoderConfig):
    """A decoder with a table of positions, learned one by one.

    Attributes:
        max_position_embeddings: How many there are; nothing longer can be served.
    """

    max_position_embeddings: int

    def beyond(self, asked: int, huggingface_config: Any) -> str | None:
        """Returns None: any length that the table holds is one it was made for.

        Raises:
            PortError: If it does not.
        """
        if asked > self.max_position_embeddings:
            raise PortError(
                f"--max-length {asked} is more than the {self.max_position_embeddings} positions"
                " of the checkpoint (max_position_embeddings in config.json), which are learned"
            )
        return None
