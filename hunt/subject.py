# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a divergence hunt is about: a checkpoint, and its port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from max.dtype import DType

from common.adapters import Tensor, WeightMap, plan
from common.declaration import Port


@dataclass(frozen=True)
class LazyWeight:
    """A weight that is read when an array is asked for."""

    tensor: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tensor.shape

    @property
    def ndim(self) -> int:
        return len(self.tensor.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        data = self.tensor.read().astype(DType.float32).data
        return np.from_dlpack(data).astype(dtype or np.float32)


@dataclass
class Subject:
    """A checkpoint and its port.

    Attributes:
        port: The port.
        directory: The checkpoint.
        config: The port's config of it.
        settings: transformers' config of it.
        weight_map: The port's, for this checkpoint.
        tensors: The checkpoint's, to be read when asked for.
    """

    port: Port
    directory: Path
    config: Any
    settings: Any
    weight_map: WeightMap
    tensors: list[Tensor]

    @classmethod
    def of(cls, port: Port, directory: Path) -> Subject:
        """Reads a checkpoint's headers."""
        from max.graph.weights import load_weights, weights_format
        from transformers import AutoConfig

        from common.checkpoint import read_headers

        settings = AutoConfig.from_pretrained(directory)
        architecture = port.architecture((settings.architectures or [None])[0])
        config = architecture.config.from_huggingface(settings)
        files = sorted({directory / header.file for header in read_headers(directory)})
        adapter = architecture.weight_adapters[weights_format(files)]
        loaded = load_weights(files)
        tensors = [Tensor.of(name, weights.data()) for name, weights in loaded.items()]
        return cls(port, directory, config, settings, adapter.weight_map(config), tensors)

    def weights(self, dtype: DType = DType.float32) -> dict[str, LazyWeight]:
        """Returns the graph's weights by name, as the port's map makes them."""
        planned = plan(self.config, lambda config: self.weight_map, self.tensors, dtype)
        return {name: LazyWeight(tensor) for name, tensor in planned.produced.items()}

    def scalars(self) -> dict[str, float]:
        """Returns the numbers of config.json, with those of its dictionaries, by name."""
        return dict(_scalars(self.settings.to_dict()))


def _scalars(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _scalars(value)
        elif type(value) in (int, float) and not key.endswith("_token_id"):
            yield key, float(value)
