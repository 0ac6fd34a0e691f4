# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads what a checkpoint says of itself: config.json and the headers of its weight files.

Imports neither MAX nor torch, so that looking at a checkpoint costs nothing. Files are taken for
hostile: no code of theirs runs, no tensor is read, and a link out of the checkpoint is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from common.errors import PortError

INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Header:
    """What a file's header says of a tensor.

    Attributes:
        name: Its name.
        shape: Its shape, outermost dimension first.
        dtype: Its dtype as safetensors spells it, such as ``BF16``; of GGUF, a quantised type too.
        file: The file that holds it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: Path


def read_config(directory: Path) -> dict[str, Any]:
    """Returns config.json as it is written.

    Raises:
        PortError: If there is none, or it is no JSON object.
    """
    if not directory.exists():
        raise PortError(f"{directory} does not exist; give the directory of a checkpoint")
    file = directory / "config.json"
    if not file.is_file():
        raise PortError(f"{directory} has no config.json; give the directory of a checkpoint")
    return _json_object(_inside(file))


def _json_object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (ValueError, RecursionError) as error:
        raise PortError(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise PortError(f"{file} is not a JSON object")
    return found


def _inside(file: Path) -> Path:
    """Returns ``file`` if what it is, or links to, belongs to the checkpoint.

    The Hub's cache links a snapshot's files to ``blobs`` of the same repository.

    Raises:
        PortError: If it links elsewhere.
    """
    folder = file.parent.resolve()
    homes = [folder]
    if folder.parent.name == "snapshots":
        homes.append(folder.parents[1] / "blobs")
    target = file.resolve()
    if not any(target.is_relative_to(home) for home in homes):
        raise PortError(f"{file} links to {target}, which is outside the checkpoint")
    return file


def weight_files(directory: Path) -> list[Path]:
    """Returns the weight files: the safetensors that the index names, or all; else one GGUF.

    Raises:
        PortError: If there is none, or several GGUF files, the index is no index, or it names a
            file that is not there.
    """
    index = directory / INDEX
    if not index.is_file():
        files = sorted(directory.glob("*.safetensors")) or sorted(directory.glob("*.gguf"))
        if not files:
            raise PortError(
                f"{directory} has no *.safetensors and no *.gguf; MAX loads no other format"
            )
        if files[0].suffix == ".gguf" and len(files) > 1:
            raise PortError(f"{directory} has {len(files)} *.gguf; keep the one to serve")
        return [_inside(file) for file in files]
    try:
        names = sorted(set(_json_object(_inside(index))["weight_map"].values()))
        files = [directory / name for name in names]
    except (TypeError, KeyError, AttributeError):
        raise PortError(f"{index} has no weight_map from tensors to files") from None
    for file in files:
        if file.parent != directory:
            raise PortError(f"{index} names {file}, which is outside the checkpoint")
        if not file.is_file():
            raise PortError(f"{file} is missing, but {INDEX} names it; download it again")
    return [_inside(file) for file in files]


def _of_safetensors(file: Path) -> Iterator[Header]:
    try:
        with safe_open(file, "numpy") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                entry = opened.get_slice(name)
                yield Header(name, tuple(entry.get_shape()), entry.get_dtype(), file)
    except SafetensorError as error:
        raise PortError(
            f"{file} is not a whole safetensors file ({error}); download it again"
        ) from None


def _of_gguf(file: Path) -> Iterator[Header]:
    from gguf import GGUFReader

    try:
        tensors = GGUFReader(file).tensors
    except Exception as error:
        # The reader checks little: a damaged file ends it anywhere.
        raise PortError(f"{file} is not a whole GGUF file ({error}); download it again") from None
    for tensor in tensors:
        # GGUF counts dimensions from the innermost.
        shape = tuple(int(dim) for dim in reversed(tensor.shape))
        yield Header(tensor.name, shape, tensor.tensor_type.name, file)


def read_headers(directory: Path) -> list[Header]:
    """Describes every tensor of a checkpoint; reads no data.

    Raises:
        PortError: For a missing, truncated or damaged file, or a tensor that two files hold.
    """
    found: dict[str, Header] = {}
    for file in weight_files(directory):
        for header in _of_gguf(file) if file.suffix == ".gguf" else _of_safetensors(file):
            if header.name in found:
                raise PortError(f"{file}: tensor {header.name} is in another file as well")
            found[header.name] = header
    return list(found.values())
