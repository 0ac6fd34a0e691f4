# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Applies a port's rules to a checkpoint and hands MAX the adapter it registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from max.dtype import DType
from max.graph.weights import WeightData, Weights
from max.pipelines.lib.config.model_config import _select_quantization_encoding
from max.pipelines.modeling.config_enums import supported_encoding_dtype

from common.config import DecoderConfig
from common.errors import PortError

from .kinds import recognise
from .rules import Cast, Drop, Rule, TiedHead
from .tensor import Tensor

FREQUENCIES = Drop(r".*\.rotary_emb\.inv_freq", "frequencies of RoPE, which the config decides")
VALUE_HEAD = Drop(r"v_head\..*", "value head of PPO training, which generates nothing")

ConfigT = TypeVar("ConfigT", bound=DecoderConfig)


@dataclass(frozen=True)
class Plan:
    """What becomes of a checkpoint, before anything is read.

    Attributes:
        produced: The graph's weights by name.
        dropped: What is left out, each with its reason.
    """

    produced: dict[str, Tensor]
    dropped: list[Tensor]


class WeightMap:
    """An ordered list of rules; each sees what the rules before it produced."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def plan(self, checkpoint: Iterable[Tensor]) -> Plan:
        """Applies the rules to descriptions.

        Raises:
            PortError: If a rule finds a tensor that it cannot take, or two end up with one name.
        """
        tensors = list(checkpoint)
        for rule in self.rules:
            tensors = rule.apply(tensors)
        produced: dict[str, Tensor] = {}
        for tensor in tensors:
            if tensor.dropped:
                continue
            if (other := produced.setdefault(tensor.name, tensor)) is not tensor:
                raise PortError(
                    f"checkpoint tensors {other.source} and {tensor.source}"
                    f" both become {tensor.name}"
                )
        return Plan(produced, [tensor for tensor in tensors if tensor.dropped])


def plan(
    config: ConfigT,
    weight_map: Callable[[ConfigT], WeightMap],
    checkpoint: Iterable[Tensor],
    dtype: DType,
) -> Plan:
    """Plans with a port's map, and then with what every decoder has in common.

    Older files carry the frequencies of RoPE as buffers, training leaves a value head, and a graph
    computes in one dtype, whatever the checkpoint is stored in. How heads tie: :class:`TiedHead`.
    """
    tensors = list(checkpoint)
    recognise(tensors)
    rules: list[Rule] = [FREQUENCIES, VALUE_HEAD, *weight_map(config).rules]
    if config.tie_word_embeddings:
        rules.append(TiedHead())
    rules.append(Cast(".*", dtype, keep=None))
    return WeightMap(*rules).plan(tensors)


def _opened(name: str, weights: Weights) -> Tensor:
    try:
        data = weights.data()
    except KeyError as error:
        raise PortError(f"checkpoint tensor {name} is {error}, which MAX does not load") from None
    if data.quantization_encoding:
        raise PortError(
            f"checkpoint tensor {name} is {data.quantization_encoding.name}, which no port serves"
        )
    return Tensor.of(name, data)


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
        dtype = supported_encoding_dtype(encoding)
        # MAX has mapped the files: data() hands out addresses and copies nothing.
        checkpoint = [_opened(name, weights) for name, weights in state_dict.items()]
        planned = plan(config, self.weight_map, checkpoint, dtype)
        return {name: tensor.read() for name, tensor in planned.produced.items()}
