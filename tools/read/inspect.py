# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports inspect``: what a model is, what a port of it has to do, and where to start.

From config.json, the headers of its weights and the sources of transformers and MAX, none of which
is imported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import PortError
from tools.terminal.files import write_whole
from tools.terminal.output import json_text, print_json, printer

from . import installed
from .config import class_name, number, shown, sizes
from .config_keys import UNKNOWN, meaning, without_effect
from .differences import Difference, Nearby, differences, donors
from .fit import LENGTH, Fit, fit, layers
from .inspect_table import print_inspection
from .keys import Pattern, collapsed
from .reference import PLAIN
from .reference_text import text_of
from .refusal import refusal
from .source import Source, open_source


@dataclass(frozen=True)
class KeyRow:
    """A key of config.json.

    Attributes:
        key: The key.
        value: Its value, cut to a few words.
        kind: A direct dimension, structural delta, macro change or ignorable.
        destination: Where it goes in MAX, or why nowhere.
        known: Whether the table knows it.
        off: Whether its value says that what it stands for is not there.
    """

    key: str
    value: str
    kind: str
    destination: str
    known: bool
    off: bool


@dataclass(frozen=True)
class Check:
    """A size in the config against the headers.

    Attributes:
        key: The config's name of the size.
        config: What the config says.
        weights: What the headers say.
        tensor: The tensor that says it.
        note: What the difference means; empty if there is none.
    """

    key: str
    config: int
    weights: int
    tensor: str
    note: str


@dataclass(frozen=True)
class Inspection:
    """What is known of a model.

    Attributes:
        model: As the caller named it.
        class_name: The first of ``architectures``.
        model_type: transformers' name of the architecture.
        served: Slug and origin (``ports`` or ``max``) of what serves the class already.
        refused: Why the checkpoint cannot be served all the same, if a port serves the class.
        reference: The modeling file, as ``transformers/models/…``.
        rows: config.json, key by key.
        dtype: The dtype of most parameters, as stored.
        parameters: How many.
        stored: Bytes in the files.
        weights: Why the weights could not be looked at, if so.
        fit: Whether it fits.
        differences: How it differs from a plain decoder; None without a reference.
        donors: Where to start, nearest first.
        checks: The config's sizes against the headers.
    """

    model: str
    class_name: str | None
    model_type: str | None
    served: tuple[str, str] | None
    refused: str | None
    reference: str | None
    rows: tuple[KeyRow, ...]
    dtype: str | None
    parameters: int | None
    stored: int | None
    weights: str | None
    fit: Fit
    differences: tuple[Difference, ...] | None
    donors: tuple[Nearby, ...]
    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns what ``--json`` prints."""
        found = asdict(replace(self, donors=()))
        return found | {"donors": [donor.to_json() for donor in self.donors]}


def rows(config: Mapping[str, Any]) -> Iterator[KeyRow]:
    """Classifies config.json, key by key."""
    for key, value in config.items():
        means = meaning(key)
        off = without_effect(config, key)
        yield KeyRow(key, shown(value), means.kind, means.destination, means is not UNKNOWN, off)


_EMBEDDING = r"(embed_tokens|wte|word_embeddings|embed_in)\.weight$"
_LAYER = r"(^|\.)(layers|h|blocks|block)\.{}\."


def _dimension(patterns: list[Pattern], name: str, dim: int) -> tuple[int, str] | None:
    """A dimension of the first tensors of that name."""
    for pattern in patterns:
        if re.search(name, pattern.template) and len(pattern.shape) > dim:
            return pattern.shape[dim], pattern.name
    return None


def _highest(patterns: list[Pattern], name: str) -> tuple[int, str] | None:
    """The highest number of that name's last ``{}``, plus one."""
    found = []
    for pattern in patterns:
        if match := re.search(name, pattern.template):
            place = pattern.template.count("{}", 0, match.end()) - 1
            found.append((pattern.numbers[place][-1] + 1, pattern.name))
    return max(found, default=None)


def _measured(
    config: Mapping[str, Any], patterns: list[Pattern]
) -> Iterator[tuple[str, int | None, tuple[int, str] | None]]:
    """Sizes: the key, what the config says, what the weights say and where."""
    hidden, heads, head_dim, kv_heads = sizes(config)
    experts = number(
        config, "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"
    )
    queries = head_dim and heads and head_dim * heads
    keys = head_dim and kv_heads and head_dim * kv_heads
    yield "vocab_size", number(config, "vocab_size"), _dimension(patterns, _EMBEDDING, 0)
    yield "hidden_size", hidden, _dimension(patterns, _EMBEDDING, 1)
    yield "head_dim × heads", queries, _dimension(patterns, r"self_attn\.q_proj\.weight$", 0)
    yield "head_dim × key-value heads", keys, _dimension(patterns, r"self_attn\.k_proj\.weight$", 0)
    yield "num_hidden_layers", layers(config), _highest(patterns, _LAYER)
    yield "num_experts", experts, _highest(patterns, r"\.experts\.{}\.")
    yield "num_experts", experts, _dimension(patterns, r"\.experts\.(gate_up|down)_proj$", 0)


def checks(config: Mapping[str, Any], patterns: list[Pattern]) -> Iterator[Check]:
    """Compares the config's sizes with the shapes of the weights, where both say one."""
    for key, said, place in _measured(config, patterns):
        if said is None or place is None:
            continue
        found, tensor = place
        note = "" if said == found else "differ: one of the two is wrong"
        if key == "vocab_size" and found > said:
            note = f"padded by {found - said} rows, which no token reaches"
        if key == "head_dim × heads" and found == 2 * said:
            note = "twice as many: a gate, or a second query, is fused with the first"
        if key == "num_hidden_layers" and found > said:
            note = f"{found - said} layers more than plain decoding uses, such as MTP"
        yield Check(key, said, found, tensor, note)


def _served(name: str | None) -> tuple[str, str] | None:
    for names, origin in ((installed.port_names(), "ports"), (installed.max_names(), "max")):
        if name and name in names:
            return names[name], origin
    return None


def _weights(source: Source) -> tuple[list[Pattern], str | None]:
    try:
        return collapsed(source.headers()), None
    except PortError as error:
        return [], str(error)


def inspected(
    source: Source, *, gpu: str = "H100", length: int = LENGTH, encoding: str = "bfloat16"
) -> Inspection:
    """Returns what is known of a model without its weights' data.

    Raises:
        PortError: For a GPU or an encoding that is none. Weights that cannot be read are no
            error: :attr:`Inspection.weights` says why.
    """
    config = source.config
    name = class_name(config)
    model_type = config.get("model_type") if isinstance(config.get("model_type"), str) else None
    code = text_of(name, model_type) if model_type else None
    decoder = model_type if code and installed.causal_class(str(model_type)) else None
    patterns, missing = _weights(source)
    counted = Counter[str]()
    for pattern in patterns:
        counted[pattern.dtype] += pattern.parameters
    bits = [pattern.bytes for pattern in patterns]
    # Packed elements are not parameters: headers do not tell how many those are.
    packed = None in bits or bool(config.get("quantization_config"))
    parameters = counted.total() if patterns and not packed else None
    folder = installed.model_types().get(model_type) if model_type else None
    return Inspection(
        model=source.name,
        class_name=name,
        model_type=model_type,
        served=_served(name),
        refused=refusal(source),
        reference=f"transformers/models/{folder}/{code.file}" if code else None,
        rows=tuple(rows(config)),
        dtype=counted.most_common(1)[0][0] if counted else None,
        parameters=parameters,
        stored=sum(b for b in bits if b) if patterns and None not in bits else None,
        weights=missing,
        fit=fit(config, parameters, gpu=gpu, length=length, encoding=encoding),
        differences=tuple(differences(decoder, PLAIN, config, name)) if decoder else None,
        donors=tuple(donors(decoder, config, name)) if decoder else (),
        checks=tuple(checks(config, patterns)),
    )


def inspect(
    model: Annotated[str, typer.Argument(help="A directory, or a name of the Hub.")],
    gpu: Annotated[str, typer.Option(help="The GPU to fit, by name or in GiB.")] = "H100",
    length: Annotated[int, typer.Option(min=1, help="Tokens of a sequence's cache.")] = LENGTH,
    encoding: Annotated[str, typer.Option(help="As served.")] = "bfloat16",
    output: Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Reads a model's config key by key, its headers, and what it differs in from others.

    Runs no code of the model, and imports neither MAX nor transformers unless a port serves it.

    Example: ./ports inspect bigcode/starcoder2-3b --gpu L4
    """
    inspection = inspected(open_source(model), gpu=gpu, length=length, encoding=encoding)
    if output:
        write_whole(output, json_text(inspection.to_json()))
    if as_json:
        print_json(inspection.to_json())
    else:
        print_inspection(inspection, printer())
