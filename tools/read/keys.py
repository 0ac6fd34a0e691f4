# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports list-keys``: the tensors of a checkpoint, from headers alone, with numbers collapsed.

Imports neither MAX nor torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from common.checkpoint import Header
from common.errors import nearest
from tools.terminal.output import many, print_json, print_table, size

from .source import open_source

#: Bits of an element, by safetensors' name of its dtype; GGUF's quantised ones are not listed.
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
#: Runs of numbers that are spelled out; the rest of a longer list is counted.
RUNS = 5
#: A number between dots: of a layer, an expert or a list of modules.
NUMBER = re.compile(r"(?<![^.])([0-9]{1,9})(?![^.])")


def spelled(numbers: Iterable[int]) -> str:
    """Returns numbers in the braces of a shell: ``{0..31}``, ``{0..30..2}``, ``{0,4..7}``."""
    left, runs = sorted(set(numbers)), []
    total = len(left)
    if total == 1:
        return str(left[0])
    while left:
        step = left[1] - left[0] if len(left) > 1 else 1
        end = 1
        while end < len(left) and left[end] - left[end - 1] == step:
            end += 1
        if step > 1 and end < 3:
            end = 1
        stride = f"..{step}" if step > 1 else ""
        runs.append(f"{left[0]}..{left[end - 1]}{stride}" if end > 1 else str(left[0]))
        left = left[end:]
    if len(runs) > RUNS:
        runs = [*runs[: RUNS - 1], f"… {total} in all"]
    return "{" + ",".join(runs) + "}"


@dataclass(frozen=True)
class Pattern:
    """Tensors whose names differ only in numbers, of one shape and dtype.

    Attributes:
        template: Their name, with ``{}`` for each number.
        numbers: For each ``{}``, the numbers that occur, sorted.
        shape: Their shape.
        dtype: Their dtype as the file spells it.
        count: How many there are; fewer than the product of the numbers if some are absent.
    """

    template: str
    numbers: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    dtype: str
    count: int

    @property
    def name(self) -> str:
        """The names in one line, such as ``layers.{0..31}.mlp.up_proj.weight``."""
        parts = self.template.split("{}")
        numbers = [spelled(found) for found in self.numbers]
        return parts[0] + "".join(n + p for n, p in zip(numbers, parts[1:], strict=True))

    @property
    def parameters(self) -> int:
        """Elements of all of them."""
        return self.count * math.prod(self.shape)

    @property
    def bytes(self) -> int | None:
        """Bytes of all of them, if a dtype of known size."""
        bits = BITS.get(self.dtype)
        return None if bits is None else self.parameters * bits // 8


def collapsed(headers: Iterable[Header]) -> list[Pattern]:
    """Returns the patterns of a checkpoint's tensors, in the order in which they first occur."""
    found: dict[tuple[str, tuple[int, ...], str], list[list[int]]] = {}
    for header in headers:
        # A brace of a name is no number's place.
        parts = NUMBER.split(header.name.replace("{}", "{ }"))
        key = "{}".join(parts[::2]), header.shape, header.dtype
        found.setdefault(key, []).append([int(number) for number in parts[1::2]])
    return [
        Pattern(
            template,
            tuple(tuple(sorted(set(column))) for column in zip(*rows, strict=True)),
            shape,
            dtype,
            len(rows),
        )
        for (template, shape, dtype), rows in found.items()
    ]


def _kept(headers: Iterable[Header], prefix: str, exclude: str | None) -> Iterator[Header]:
    for header in headers:
        if header.name.startswith(prefix) and not (exclude and header.name.startswith(exclude)):
            yield header


def _as_json(pattern: Pattern) -> dict[str, object]:
    return {
        "name": pattern.name,
        "template": pattern.template,
        "numbers": [list(found) for found in pattern.numbers],
        "shape": list(pattern.shape),
        "dtype": pattern.dtype,
        "count": pattern.count,
        "parameters": pattern.parameters,
        "bytes": pattern.bytes,
    }


def _row(pattern: Pattern) -> tuple[str, ...]:
    shape = "×".join(map(str, pattern.shape)) or "scalar"
    return pattern.name, str(pattern.count), shape, pattern.dtype


def _by_dtype(patterns: list[Pattern]) -> dict[str, dict[str, int | None]]:
    totals: dict[str, dict[str, int | None]] = {}
    for pattern in patterns:
        total = totals.setdefault(pattern.dtype, {"tensors": 0, "parameters": 0, "bytes": 0})
        for key, more in (
            ("tensors", pattern.count),
            ("parameters", pattern.parameters),
            ("bytes", pattern.bytes),
        ):
            known = total[key]
            total[key] = None if known is None or more is None else known + more
    return totals


def _blocks(patterns: list[Pattern]) -> list[tuple[str, ...]]:
    """A line for each leading part of the names, such as ``model.layers.{0..31}``."""
    sums: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        head, number, _ = pattern.template.partition("{}")
        # Without a number, the module that holds the tensor.
        block = head + number if number else head.rpartition(".")[0] or head
        sums.setdefault(block, []).append(pattern)
    return [
        (
            block.replace("{}", spelled(n for p in found if p.numbers for n in p.numbers[0])),
            str(sum(p.count for p in found)),
            many(sum(p.parameters for p in found)),
        )
        for block, found in sums.items()
    ]


def list_keys(
    model: Annotated[str, typer.Argument(help="A directory, or a name of the Hub.")],
    summary: Annotated[bool, typer.Option("--summary", help="A line for each block.")] = False,
    prefix: Annotated[str, typer.Option(help="Only tensors whose names begin so.")] = "",
    exclude_prefix: Annotated[
        str | None, typer.Option(help="Not the tensors whose names begin so.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lists a checkpoint's tensors; reads headers only, of the Hub by HTTP ranges.

    Names that differ only in numbers share a line. Exit code 1 if none has the prefix.

    Example: ./ports list-keys HuggingFaceTB/SmolLM3-3B --prefix model.layers
    """
    headers = open_source(model).headers()
    patterns = collapsed(_kept(headers, prefix, exclude_prefix))
    if not patterns:
        _nothing(headers, prefix, exclude_prefix)
    totals = _by_dtype(patterns)
    if as_json:
        shown = [_as_json(pattern) for pattern in patterns[:limit]]
        print_json({"model": model, "patterns": shown, "dtypes": totals, "lines": len(patterns)})
        return
    rows = _blocks(patterns) if summary else [_row(pattern) for pattern in patterns]
    columns = ("block", "tensors", "parameters") if summary else ("name", "count", "shape", "dtype")
    print_table(columns, rows[:limit])
    if limit and len(rows) > limit:
        print(f"… {len(rows) - limit} lines more")
    for dtype, total in totals.items():
        stored = "" if total["bytes"] is None else f", {size(total['bytes'])}"
        print(f"{dtype}: {total['tensors']} tensors, {many(total['parameters'] or 0)}{stored}")


def _nothing(headers: list[Header], prefix: str, exclude: str | None) -> None:
    near = nearest(prefix, {h.name[: len(prefix)] for h in headers}) if prefix else ""
    but = f" and not with {exclude!r}" if exclude else ""
    typer.echo(f"ports: none of {len(headers)} tensors begins with {prefix!r}{but}{near}", err=True)
    raise typer.Exit(1)
