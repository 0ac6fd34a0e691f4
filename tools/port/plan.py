# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports plan``: what a port of a model would be, as a paragraph to accept or to veto.

Four axes have to be settled before any code: how the model is distributed, which encodings are
served, how deep it is validated, and on what hardware. Each default comes from facts, which are
shown beside it.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from common.checkpoint import Header
from common.errors import PortError
from tools.read import installed
from tools.read.config import class_name, shown
from tools.read.differences import Nearby, donors
from tools.read.fit import estimated, spread
from tools.read.keys import BITS
from tools.read.source import Source, open_source
from tools.read.walls import BLOCKER, Finding, found
from tools.terminal.files import templates, write_whole
from tools.terminal.output import many, plain, print_json, printer, size

from .donor import Comparison, OpenDelta, compare, donor_of, entries, model_type_of
from .scaffold import TEMPLATES

#: Bytes of one GPU that the default plan has in mind, and what of it weights may take.
GPU_NAME, GPU_BYTES, SHARE = "an 80 GB GPU", 80 * 10**9, 0.8
#: Bytes of an element of what is served.
SERVED = {"bfloat16": 2, "float32": 4}
PLAIN_NAME = "the plain decoder (LlamaForCausalLM)"


@dataclass(frozen=True)
class Axis:
    """One decision.

    Attributes:
        name: What is decided.
        default: What is proposed.
        facts: What it follows from.
    """

    name: str
    default: str
    facts: str


@dataclass(frozen=True)
class Ranked:
    """A donor, and how far the model is from it.

    Attributes:
        name: As it is said to people.
        option: What ``scaffold --start-from`` takes.
        differences: How many.
        copied: Whether a port can be a copy of it; of MAX's own, only the plain decoder.
    """

    name: str
    option: str
    differences: int
    copied: bool


def _ranked(donor: Nearby) -> Ranked:
    name = PLAIN_NAME if donor.plain else donor.slug if donor.origin == "ports" else donor.name
    own = donor.origin == "ports" and donor_of(donor.slug).model_type == donor.model_type
    option = donor.slug if own else donor.name
    said = name if donor.copied else f"{name} of MAX"
    return Ranked(said, option, len(donor.differences), donor.copied)


@dataclass(frozen=True)
class PortPlan:
    """Everything that the port log shows."""

    model: str
    class_name: str
    axes: tuple[Axis, ...]
    walls: tuple[Finding, ...]
    donors: tuple[Ranked, ...]
    config: tuple[dict[str, str], ...]
    deltas: tuple[OpenDelta, ...]

    @property
    def start(self) -> Ranked:
        """The nearest donor that a port can be a copy of."""
        return next(donor for donor in self.donors if donor.copied)

    @property
    def paragraph(self) -> str:
        """The plan in prose."""
        best = self.start
        blockers = [wall.name for wall in self.walls if wall.level == BLOCKER]
        said = f"{self.class_name} starts from {best.name}: {best.differences}"
        said += f" difference{'s'[: best.differences != 1]}, {_few(self.deltas)}. "
        if best is not self.donors[0]:
            said += f"Nearer is {self.donors[0].name}, to be read and not to be copied. "
        said += " ".join(f"{axis.name.capitalize()}: {axis.default}." for axis in self.axes)
        if blockers:
            said += f" It cannot start before this is lifted or left out: {', '.join(blockers)}."
        return said

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as plain values."""
        return {**asdict(self), "start": self.start.option, "paragraph": self.paragraph}


def _few(deltas: tuple[OpenDelta, ...]) -> str:
    names = [delta.name.split(":")[0] for delta in deltas]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return (", ".join(names[:6]) + more) or "none found"


def _headers(source: Source) -> list[Header]:
    try:
        return source.headers()
    except PortError:
        # A plan can be made of a config alone; what it says of weights is then that.
        return []


def _distribution(source: Source, headers: list[Header]) -> Axis:
    name = "distribution"
    count = sum(math.prod(header.shape) for header in headers) or estimated(source.config)
    if not count:
        said = "there are no weights here, and the config does not say their size"
        return Axis(name, "one device", said)
    weights = count * SERVED["bfloat16"]
    about = "" if headers else "about "
    facts = f"{about}{many(count)} parameters, {size(weights)} in bfloat16"
    facts += "" if headers else ", by the config's sizes"
    if weights <= SHARE * GPU_BYTES:
        return Axis(name, f"one device; the weights fit {GPU_NAME}", facts)
    needed = spread(source.config, weights, 0, SHARE * GPU_BYTES)
    if needed is None:
        return Axis(name, "more GPUs than its heads divide over", facts)
    device = f"gpu:{','.join(map(str, range(needed)))}"
    return Axis(name, f"{needed} GPUs, as --device {device}; proven as ranks on one", facts)


def _quantisation(source: Source, headers: list[Header]) -> Axis:
    quantised = source.config.get("quantization_config")
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    stored = Counter(header.dtype for header in headers)
    facts = ", ".join(f"{n} tensors in {dtype}" for dtype, n in stored.most_common(3))
    facts = facts or "no weights here"
    encodings = " and ".join(sorted(SERVED))
    odd = [dtype for dtype in stored if BITS.get(dtype, 0) < 16]
    if quantised or odd:
        said = f"quantization_config says {shown(method)}" if quantised else f"{odd[0]} tensors"
        default = f"{encodings} from a checkpoint that is not quantised; this one waits"
        return Axis("quantisation", default, f"{said}; {facts}")
    return Axis("quantisation", f"none; {encodings}", facts)


def _validation(source: Source, structural: int) -> Axis:
    facts = f"{structural} structural differences"
    default = "logit parity (tier 6) on tiny checkpoints, then the probe (tier 3) on released ones"
    if any("chat_template" in name for name in source.files):
        default += ", then a benchmark (tier 5), since there is a chat template to get wrong"
        facts += ", a chat template"
    return Axis("validation", default, facts)


def _hardware(walls: list[Finding]) -> Axis:
    cpu = "float32 proofs on a CPU; the same graph serves on a GPU, whose kernels they do not cover"
    facts = "MAX compiles the parts of a plain decoder for CPUs"
    costs = [wall.name for wall in walls if wall.level == BLOCKER]
    if costs:
        facts = f"parts without a kernel: {', '.join(costs)}"
    return Axis("hardware", cpu, facts)


def _config_rows(source: Source, comparison: Comparison) -> list[dict[str, str]]:
    rows = []
    for key, value in source.config.items():
        if key in comparison.unread:
            goes_to = "a field of the config, or IGNORED"
        elif key in comparison.training:
            goes_to = "nothing: training only"
        elif key == comparison.norm_eps:
            goes_to = "KEYS: norm_eps"
        else:
            goes_to = "the donor reads or ignores it"
        rows.append({"key": plain(key), "value": shown(value), "goes_to": goes_to})
    rows += [
        {"key": key, "value": "not in this config", "goes_to": f"REQUIRED: {shown(value)}"}
        for key, value in comparison.absent.items()
    ]
    return rows


def planned(source: Source) -> PortPlan:
    """Returns the plan for a model.

    Raises:
        PortError: If it has no reference, or is served already.
    """
    name = class_name(source.config) or "a class without a name"
    if name in installed.max_names():
        raise PortError(f"MAX serves {name} itself: run `max serve` without these ports")
    near = donors(model_type_of(source), source.config, class_name(source.config))
    # Of a folder with several classes, the nearest.
    rows = tuple({row.option: row for row in map(_ranked, reversed(near))}.values())[::-1]
    donor = donor_of(next(row.option for row in rows if row.copied))
    comparison = compare(source, donor)
    walls, headers = found(source), _headers(source)
    return PortPlan(
        model=source.name,
        class_name=plain(name),
        axes=(
            _distribution(source, headers),
            _quantisation(source, headers),
            _validation(source, len(comparison.differences)),
            _hardware(walls),
        ),
        walls=tuple(walls),
        donors=rows,
        config=tuple(_config_rows(source, comparison)),
        deltas=tuple(entries(donor, comparison, model_type_of(source))),
    )


def cell(text: Any) -> str:
    """Returns text as one cell of a Markdown table, without markup of its own."""
    safe = plain(str(text)).replace("\\", "\\\\")
    for mark in "|`<*[":
        safe = safe.replace(mark, f"\\{mark}")
    return safe


def port_log(plan: PortPlan) -> str:
    """Returns the plan as a Markdown log, to be filled in as the port grows."""
    # Markdown, so that cell() escapes.
    environment = templates(TEMPLATES)
    environment.filters["cell"] = cell
    values = {
        name: getattr(plan, name) for name in (*plan.__dataclass_fields__, "start", "paragraph")
    }
    values |= {name: cell(values[name]) for name in ("model", "class_name")}
    values["paragraph"] = textwrap.fill(cell(plan.paragraph), 100, break_on_hyphens=False)
    return environment.get_template("port_log.md.jinja").render(values)


def plan(
    model: Annotated[str, typer.Argument(help="A directory, or a name of the Hub.")],
    output: Annotated[
        Path | None, typer.Option(help="Write the port log, in Markdown, to a new file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Proposes a port: what it starts from, what differs, and four decisions to accept or veto.

    Example: ./ports plan bigcode/starcoder2-3b --output port_log.md
    """
    made = planned(open_source(model))
    if output:
        write_whole(output, port_log(made), new=True)
    if as_json:
        print_json(made.to_json())
        return
    console = printer()
    console.print(plain(made.paragraph), markup=False)
    console.print()
    for axis in made.axes:
        console.print(f"[bold]{axis.name}[/]: ", end="")
        console.print(plain(axis.facts), markup=False)
    blockers = [wall for wall in made.walls if wall.level == BLOCKER]
    for wall in blockers:
        console.print(f"\nFirst, {escape(plain(wall.name))} has to be lifted, by {wall.lift}")
    then = "Then" if blockers else "Next"
    console.print(f"\n{then}, if you accept: ", end="")
    console.print(
        f"./ports scaffold {plain(model)} --start-from {made.start.option} --output-dir DIR",
        markup=False,
        soft_wrap=True,
    )
