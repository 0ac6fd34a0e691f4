# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Verifies ports: what can be checked without a compile, then parity through one module.

Limits are next to their reasons here, and nowhere else.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import PortError

from .checkpoints import legacy_spelling, write_checkpoint
from .declare import PROMPTS, Delta, Fixture, Port, Unimplemented
from .metrics import Agreement, agreement, moved
from .oracle import Oracle

#: Greedy steps; the first token comes from the prefill, so this is 24 decode steps.
NEW_TOKENS = 25
#: Tokens that witnesses are judged on: more than the widest window of a fixture, 128.
WITNESS_TOKENS = 192


@dataclass(frozen=True)
class Limits:
    """What :class:`Agreement` may be; ``top1`` is over all prompts of a phase.

    Attributes:
        tie: The lead, in σ, below which the oracle's choice of a token counts as none.
    """

    max_sigma: float
    kl: float
    cosine: float
    top1: float
    tie: float = 0.0


LIMITS = {
    # Both sides differ by rounding only: 2e-5 σ was the most measured over the ports of this
    # repository; a wrong constant or a missed token moves logits by 1e-2 σ and more. KL and
    # cosine distance are quadratic in it; 2e-11 was the most measured.
    "float32": Limits(max_sigma=1e-4, kl=1e-8, cosine=1e-8, top1=1.0),
    # Against the float32 oracle. KL and cosine are those that MAX asks of a new architecture; a
    # single logit may be off by a few roundings of 2^-8. Random logits are full of near ties:
    # transformers' own bfloat16 chooses another token at up to 4.5 % of the positions of a
    # fixture, and gives up leads of up to 0.033 σ by it.
    "bfloat16": Limits(max_sigma=np.inf, kl=0.01, cosine=0.001, top1=0.99, tie=0.05),
}
#: Below this a delta's absence could hide behind an ordinary difference of kernels.
MIN_MOVED = 0.05
#: transformers' two attention forms differ by rounding only; measured 5e-6 σ.
MAX_SDPA = 1e-4

#: bfloat16 rounds what routers compare, of 5 at most, by 0.02; a nearer choice could turn.
MIN_ROUTER_GAP = 0.1

Progress = Callable[[str], None]


@dataclass
class FixtureReport:
    """One checkpoint through the pipeline; ``prefill`` and ``decode`` are per prompt."""

    name: str
    prompts: list[int] = field(default_factory=list)
    prefill: list[Agreement] = field(default_factory=list)
    decode: list[Agreement] = field(default_factory=list)


@dataclass
class PortReport:
    """What was found about a port; it holds only if ``problems`` is empty."""

    slug: str
    encoding: str = "float32"
    fixtures: list[FixtureReport] = field(default_factory=list)
    #: Delta to the largest movement, in σ, that taking it out of the oracle makes.
    deltas: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain values."""
        return {**dataclasses.asdict(self), "holds": self.holds}


def tokens(length: int, seed: int = 0) -> list[int]:
    """Returns random byte tokens, which every fixture's vocabulary holds."""
    return np.random.default_rng((seed, length)).integers(0, 256, length).tolist()


def check_config(port: Port, fixture: Fixture, directory: Path) -> Iterator[str]:
    """Yields what is wrong with key accounting, or with the released spelling."""
    from transformers import AutoConfig

    class_name = fixture.class_name or port.class_name
    config_cls = port.architecture(class_name).config
    loaded = {}
    for spelling, raw in (
        ("transformers 5", json.loads((directory / "config.json").read_text())),
        ("legacy", legacy_spelling(fixture, directory)),
    ):
        values = {key: value for key, value in raw.items() if key != "model_type"}
        config = AutoConfig.for_model(port.classes[class_name], **values)
        for key in config_cls.unaccounted(config, raw):
            yield f"{fixture.name}: config key {key!r} is neither read nor ignored ({spelling})"
        loaded[spelling] = config_cls.from_huggingface(config)
    for f in dataclasses.fields(config_cls):
        new, old = (getattr(config, f.name) for config in loaded.values())
        if new != old:
            yield f"{fixture.name}: {f.name} is {old} in the legacy spelling, {new} in the new one"


def check_flags(port: Port, directories: dict[str, Path]) -> Iterator[str]:
    """Yields the switches of the config that no fixture sets, or none clears."""
    from transformers import AutoConfig

    seen: dict[str, set[bool]] = {}
    for fixture in (f for f in port.fixtures if f.name in directories):
        config_cls = port.architecture(fixture.class_name).config
        config = config_cls.from_huggingface(AutoConfig.from_pretrained(directories[fixture.name]))
        for f in dataclasses.fields(config):
            value = getattr(config, f.name)
            if isinstance(value, bool) and f.name not in config_cls.fixed_flags():
                seen.setdefault(f.name, set()).add(value)
    for name, values in seen.items():
        if len(values) == 1:
            yield f"every fixture has {name} = {values.pop()}; its other branch is not covered"


def check_oracle(port: Port, fixture: Fixture, directory: Path) -> Iterator[str]:
    """Yields what makes a checkpoint unfit as a fixture."""
    sample = tokens(WITNESS_TOKENS)
    oracle = Oracle(directory)
    logits = oracle.logits(sample)
    apart = moved(Oracle(directory, attention="sdpa").logits(sample), logits)
    if apart > MAX_SDPA and not port.sdpa_differs:
        yield f"{fixture.name}: eager and sdpa oracles differ by {apart:.1e} σ"
    for name in oracle.dead_tensors(sample):
        yield f"{fixture.name}: no logit depends on {name}"
    if port.router:
        # The tokens that parity is judged on.
        for prompt in PROMPTS:
            row = oracle.greedy(tokens(prompt), NEW_TOKENS)
            if (gap := oracle.router_gap(row, port.router)) < MIN_ROUTER_GAP:
                yield f"{fixture.name}: after {prompt} tokens, experts tie by {gap:.0e}"


def delta_moves(port: Port, delta: Delta, directories: dict[str, Path]) -> float:
    """Returns the largest movement, in σ, that taking the delta out of the oracle makes."""
    sample = tokens(WITNESS_TOKENS)
    return max(
        moved(
            Oracle(directory, witness=delta.witness).logits(sample),
            Oracle(directory).logits(sample),
        )
        for name, directory in directories.items()
        if not delta.fixtures or name in delta.fixtures
    )


def compare(model: Any, directory: Path, name: str, encoding: str = "float32") -> FixtureReport:
    """Runs a built pipeline over the ragged batch and compares every position."""
    from .harness import generate

    report, oracle, tie = FixtureReport(name), Oracle(directory), LIMITS[encoding].tie
    for row in generate(model, [tokens(n) for n in PROMPTS], NEW_TOKENS):
        expected = oracle.logits(row.tokens[:-1])
        report.prompts.append(row.prompt)
        for found, at in (
            (report.prefill, slice(row.prompt)),
            (report.decode, slice(row.prompt, None)),
        ):
            found.append(agreement(row.logits[at], expected[at], tie=tie))
    return report


def disagreements(report: FixtureReport, encoding: str = "float32") -> Iterator[str]:
    """Yields where a comparison misses the limits of an encoding."""
    limits = LIMITS[encoding]
    for phase in ("prefill", "decode"):
        all_found: list[Agreement] = getattr(report, phase)
        for prompt, found in zip(report.prompts, all_found, strict=True):
            where = f"{report.name}: {phase} after a prompt of {prompt}"
            if not found.max_sigma <= limits.max_sigma:
                yield f"{where}: max |Δlogit| {found.max_sigma:.1e} σ > {limits.max_sigma:.0e}"
            if not found.kl <= limits.kl:
                yield f"{where}: KL {found.kl:.1e} > {limits.kl:.0e}"
            if not found.cosine <= limits.cosine:
                yield f"{where}: cosine distance {found.cosine:.1e} > {limits.cosine:.0e}"
        same = top1(all_found)
        if not same >= limits.top1:
            yield f"{report.name}: {phase}: {same:.1%} of greedy tokens agree, < {limits.top1:.0%}"


def top1(found: Sequence[Agreement]) -> float:
    """Returns the share of positions with the same argmax, over all of ``found``."""
    return sum(a.top1 * a.positions for a in found) / sum(a.positions for a in found)


def verify(
    ports: Sequence[Port],
    directory: Path,
    progress: Progress,
    compiled: Path | None = None,
    encoding: str = "float32",
) -> list[PortReport]:
    """Verifies ports together on the CPU, all their decoders compiled as one module.

    Args:
        ports: The ports.
        directory: An empty folder for the checkpoints.
        progress: Is told what starts, in a few words.
        compiled: What `ports compile` made of them, in place of compiling.
        encoding: What the ports compute in; the oracle computes in float32.
    """
    from common.pipeline.target import Target

    from .batch import Batch
    from .compile import reusing
    from .harness import build

    reports = [PortReport(port.model_type, encoding) for port in ports]
    target = Target("cpu", encoding)
    batch = Batch(target)
    models: list[tuple[PortReport, str, Path, Any]] = []
    for port, report in zip(ports, reports, strict=True):
        directories: dict[str, Path] = {}
        for fixture in port.fixtures:
            progress(f"{port.model_type}: fixture {fixture.name}")
            path = directory / port.model_type / fixture.name
            write_checkpoint(port, fixture, path, dtype=encoding)
            directories[fixture.name] = path
            report.problems += check_config(port, fixture, path)
            report.problems += check_oracle(port, fixture, path)
        report.problems += check_flags(port, directories)
        progress(f"{port.model_type}: {len(port.deltas)} witnesses")
        for delta in port.deltas:
            if isinstance(delta.witness, Unimplemented):
                report.problems.append(f"{delta.name}: not implemented: {delta.witness.reason}")
                continue
            found = report.deltas[delta.name] = delta_moves(port, delta, directories)
            if found < MIN_MOVED:
                report.problems.append(
                    f"{delta.name}: taking it out moves logits by {found:.3f} σ only;"
                    f" no test could see it ({MIN_MOVED} needed)"
                )
        for name, path in directories.items():
            progress(f"{port.model_type}: building the pipeline of {name}")
            try:
                with batch.collecting(f"{port.model_type}/{name}"), reusing(compiled):
                    models.append(
                        (
                            report,
                            name,
                            path,
                            build(path, max_batch_size=len(PROMPTS), target=target),
                        )
                    )
            except PortError as error:
                report.problems.append(f"{name}: {error}")
    if models:
        if compiled:
            batch.load(compiled)
        else:
            progress(f"compiling {len(models)} decoders as one module (minutes when cold)")
            batch.compile()
    for report, name, path, model in models:
        progress(f"{report.slug}: prefill and decode of {name}")
        report.fixtures.append(compare(model, path, name, encoding))
        report.problems += disagreements(report.fixtures[-1], encoding)
    return reports
