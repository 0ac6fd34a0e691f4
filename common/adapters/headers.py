# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Describes the tensors of a checkpoint from the headers of its safetensors files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from max.dtype import DType
from max.graph.weights import WeightData
from safetensors import SafetensorError, safe_open

from common.errors import PortError

from .tensor import Tensor

#: safetensors' names of dtypes.
_DTYPES = {
    "BOOL": DType.bool,
    "U8": DType.uint8,
    "I8": DType.int8,
    "I16": DType.int16,
    "I32": DType.int32,
    "I64": DType.int64,
    "F8_E4M3": DType.float8_e4m3fn,
    "F8_E5M2": DType.float8_e5m2,
    "F16": DType.float16,
    "BF16": DType.bfloat16,
    "F32": DType.float32,
    "F64": DType.float64,
}

INDEX = "model.safetensors.index.json"


def _unread() -> WeightData:
    raise RuntimeError("only the headers of this checkpoint are read")


def _shards(directory: Path) -> list[Path]:
    """Returns the safetensors files of a checkpoint: those that its index names, or all.

    Raises:
        PortError: If there is none, the index is no index, or names a file that is not there.
    """
    index = directory / INDEX
    if not index.is_file():
        files = sorted(directory.glob("*.safetensors"))
        if not files:
            raise PortError(f"{directory} has no *.safetensors; MAX loads no other format here")
        return files
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        files = [directory / name for name in names]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise PortError(f"{index} has no weight_map from tensors to files") from None
    for file in files:
        if file.parent != directory:
            raise PortError(f"{index} names {file}, which is outside the checkpoint")
        if not file.is_file():
            raise PortError(f"{file} is missing, but {INDEX} names it; download it again")
    return files


def _header(file: Path) -> Iterator[Tensor]:
    try:
        with safe_open(file, "numpy") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                entry = opened.get_slice(name)
                dtype = entry.get_dtype()
                if dtype not in _DTYPES:
                    raise PortError(f"{file}: tensor {name} is {dtype}, which MAX does not load")
                yield Tensor(name, tuple(entry.get_shape()), _DTYPES[dtype], _unread, (name,))
    except SafetensorError as error:
        raise PortError(
            f"{file} is not a whole safetensors file ({error}); download it again"
        ) from None


def read_headers(directory: Path) -> list[Tensor]:
    """Describes every tensor of a checkpoint; reads no data.

    Raises:
        PortError: For a missing, truncated or damaged file, or a tensor that two files hold.
    """
    found: dict[str, Tensor] = {}
    for file in _shards(directory):
        for tensor in _header(file):
            if tensor.name in found:
                raise PortError(f"{file}: tensor {tensor.name} is in another file as well")
            found[tensor.name] = tensor
    return list(found.values())
