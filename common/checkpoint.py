# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads what a checkpoint says of itself: config.json and the headers of its weight files.

Imports neither MAX nor torch, so that looking at a checkpoint costs nothing. Files are taken for
hostile: no code of theirs runs, no tensor is read, and a link out of the checkpoint is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from common.errors import PortError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
#: Of weights in formats, or under names, that are not loaded.
WEIGHT_SUFFIXES = frozenset((".safetensors", ".bin", ".pt", ".pth", ".msgpack", ".h5", ".npz"))


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
    file = directory / CONFIG
    if not file.is_file():
        raise PortError(f"{directory} has no {CONFIG}; give the directory of a checkpoint")
    return read_json(file)


def read_json(file: Path) -> dict[str, Any]:
    """Returns the object that a file of a checkpoint holds.

    Raises:
        PortError: If it holds none, or is a link out of the checkpoint.
    """
    try:
        found = json.loads(_inside(file).read_text())
    except (ValueError, RecursionError) as error:
        raise PortError(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise PortError(f"{file} is not a JSON object")
    return found


def _inside(file: Path) -> Path:
    """Returns ``file`` if what it is, or links to, belongs to the checkpoint.

    Download tools link a checkpoint's files to a folder ``blobs`` of their cache, named by content.

    Raises:
        PortError: If it links elsewhere.
    """
    target = file.resolve()
    if not target.is_relative_to(file.parent.resolve()) and target.parent.name != "blobs":
        raise PortError(f"{file} links to {target}, which is outside the checkpoint")
    return file


def weight_files(directory: Path) -> list[Path]:
    """Returns the files that are the checkpoint, as transformers chooses; else the one GGUF.

    Raises:
        PortError: If there is none, or several GGUF files, the index is no index, or it names a
            file that is not there.
    """
    config = read_config(directory) if (directory / CONFIG).is_file() else {}
    chosen = directory / weights_name(config, [p.name for p in directory.iterdir()], directory)
    files = shards(chosen) if chosen.name.endswith(".index.json") else [chosen]
    for file in files:
        if file.parent != directory:
            raise PortError(f"{chosen} names {file}, which is outside the checkpoint")
        if not file.is_file():
            by = CONFIG if file == chosen else chosen.name
            raise PortError(f"{file} is missing, but {by} names it; download it again")
    return [_inside(file) for file in files]


def weights_name(config: Mapping[str, Any], names: Collection[str], where: object) -> str:
    """Returns the file of a checkpoint that is its weights, or the index of them.

    transformers takes the file that ``transformers_weights`` of config.json names, else
    model.safetensors, else the shards that the index names, and nothing else that lies there
    (``modeling_utils._get_resolved_checkpoint_files``). MAX can load a GGUF file instead.

    Args:
        config: config.json.
        names: The names of its files.
        where: What it is called in messages.

    Raises:
        PortError: If there is none of them, or more than one GGUF; says what there is instead.
    """
    if named := config.get("transformers_weights"):
        return str(named)
    for name in (WEIGHTS, INDEX):
        if name in names:
            return name
    gguf = sorted(name for name in names if name.endswith(".gguf"))
    if any(re.search(r"-\d{5}-of-\d{5}\.gguf$", name) for name in gguf):
        raise PortError(
            f"{where}: {gguf[0]} is one part of a split GGUF; MAX loads whole files:"
            " join the parts with llama-gguf-split --merge"
        )
    if len(gguf) > 1:
        raise PortError(f"{where} has {len(gguf)} *.gguf; keep the one to serve")
    if gguf:
        return gguf[0]
    if "adapter_config.json" in names:
        raise PortError(
            f"{where} holds an adapter without its base model; merge the two"
            " (peft's merge_and_unload) and serve what that saves"
        )
    others = sorted(name for name in names if Path(name).suffix in WEIGHT_SUFFIXES)
    raise PortError(
        f"{where} has no {WEIGHTS}, no {INDEX} and no *.gguf"
        + (f", but {others[0]}" if others else "")
        + "; transformers' save_pretrained writes the first two"
    )


def shards(index: Path) -> list[Path]:
    """Returns the files that an index names, in order.

    Raises:
        PortError: If it names none.
    """
    try:
        files = [
            index.parent / name for name in sorted(set(read_json(index)["weight_map"].values()))
        ]
    except (TypeError, KeyError, AttributeError):
        files = []
    if not files:
        raise PortError(f"{index} has no weight_map from tensors to files")
    return files


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

    A tensor that two shards hold is that of the later one by name, for transformers as for MAX.

    Raises:
        PortError: For a missing, truncated or damaged file.
    """
    found: dict[str, Header] = {}
    for file in weight_files(directory):
        for header in _of_gguf(file) if file.suffix == ".gguf" else _of_safetensors(file):
            found[header.name] = header
    return list(found.values())
