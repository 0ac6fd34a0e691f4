# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Safetensors files of any size that take no disk: a header, and a hole where the data would be."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

#: Bytes of an element.
_SIZES = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "U8": 1, "I8": 1, "I32": 4}


def write_sparse(file: Path, tensors: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> None:
    """Writes a file of these tensors' shapes, all of one dtype, whose data is zeros."""
    header, at = {}, 0
    for name, shape in tensors.items():
        end = at + math.prod(shape) * _SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    raw = json.dumps(header).encode()
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(raw)) + raw)
        out.truncate(8 + len(raw) + at)


def write_shards(directory: Path, tensors: Mapping[str, tuple[int, ...]], shards: int) -> None:
    """Writes tensors to as many files, with their index."""
    names = list(tensors)
    weight_map = {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        held = names[i::shards]
        write_sparse(directory / file, {name: tensors[name] for name in held})
        weight_map.update(dict.fromkeys(held, file))
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
