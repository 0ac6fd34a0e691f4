# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Describes a checkpoint's tensors to weight maps, from headers alone."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from max.dtype import DType
from max.graph.weights import WeightData, load_weights

from common.checkpoint import Header, read_headers
from common.errors import PortError

from .tensor import Tensor, UnreadError

#: safetensors' and GGUF's names of dtypes. Quantised blocks are none: they wait for a port.
_DTYPES = {
    "BOOL": DType.bool,
    "U8": DType.uint8,
    "I8": DType.int8,
    "I16": DType.int16,
    "I32": DType.int32,
    "I64": DType.int64,
    "F8_E4M3": DType.float8_e4m3fn,
    "F8_E5M2": DType.float8_e5m2,
    "F8_E8M0": DType.float8_e8m0fnu,
    "F16": DType.float16,
    "BF16": DType.bfloat16,
    "F32": DType.float32,
    "F64": DType.float64,
}


def _read(header: Header) -> WeightData:
    if not header.file.is_file():
        raise UnreadError(f"only the header of {header.name} is at hand")
    return dict(load_weights([header.file]).items())[header.name].data()


def _tensor(header: Header) -> Tensor:
    if header.dtype not in _DTYPES:
        raise PortError(
            f"{header.file}: tensor {header.name} is {header.dtype}, which no port serves"
        )
    dtype = _DTYPES[header.dtype]
    return Tensor(header.name, header.shape, dtype, partial(_read, header), (header.name,))


def described(checkpoint: Path | Iterable[Header]) -> list[Tensor]:
    """Returns every tensor of a checkpoint: of its directory, or of its headers.

    Nothing is read before a rule needs values.

    Raises:
        PortError: As :func:`common.checkpoint.read_headers`, or for a dtype that no port serves.
    """
    headers = read_headers(checkpoint) if isinstance(checkpoint, Path) else checkpoint
    return [_tensor(header) for header in headers]
