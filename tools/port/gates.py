# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports gates``: everything about a port that can be known before anything compiles."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from common.checkpoint import Header
from common.declaration import Unimplemented
from common.errors import PortError
from tools.read import installed
from tools.read.located import located
from tools.read.source import Source, open_source
from tools.terminal.files import write_whole
from tools.terminal.output import print_json

from .package import BrokenPortError, Package, open_package


class Phase(StrEnum):
    """How far to go."""

    PREFLIGHT = "preflight"
    VERIFY = "verify"


@dataclass(frozen=True)
class Gate:
    """One check.

    Attributes:
        name: What it checks.
        passed: Whether it holds.
        why: What was found, in a line.
    """

    name: str
    passed: bool
    why: str


class Shut(Exception):  # noqa: N818 - no error: a gate's answer
    """A gate that does not hold, and why."""


@dataclass
class Candidate:
    """A port, and the checkpoints it is held against."""

    package: Package
    sources: list[Source]
    _configs: dict[str, Any]

    def class_name(self, source: Source) -> str | None:
        """Returns which of the port's classes a checkpoint is of."""
        given = source.config.get("architectures")
        found = given if isinstance(given, list) else []
        return next((name for name in self.package.port.classes if name in found), None)

    def architecture(self, source: Source) -> Any:
        """Returns what the port registers for a checkpoint; for another's, its first."""
        return self.package.port.architecture(self.class_name(source))

    def config(self, source: Source) -> Any:
        """Returns a checkpoint's transformers config, without code of it."""
        from tools.read.preflight import load_config

        if source.name not in self._configs:
            if source.directory:
                found = load_config(source.directory)
            else:
                with tempfile.TemporaryDirectory() as scratch:
                    (Path(scratch) / "config.json").write_text(json.dumps(source.config))
                    found = load_config(Path(scratch))
            self._configs[source.name] = found
        return self._configs[source.name]

    def headers(self) -> Iterator[tuple[Source, list[Header]]]:
        for source in self.sources:
            yield source, source.headers()


def _short(source: Source) -> str:
    return source.directory.name if source.directory else source.name


def walls(subject: Candidate) -> str:
    """No wall stands before the checkpoint."""
    from tools.read.walls import BLOCKER, found

    findings = [finding for source in subject.sources for finding in found(source)]
    blockers = sorted({f"{f.name} ({f.evidence})" for f in findings if f.level == BLOCKER})
    if blockers:
        raise Shut("; ".join(blockers))
    warnings = sorted({f.name for f in findings})
    return f"no blocker; to look at: {', '.join(warnings)}" if warnings else "none"


def metadata(subject: Candidate) -> str:
    """The checkpoint is of the port's class, and every key of its config is accounted for."""
    seen = {}
    for source in subject.sources:
        name, classes = subject.class_name(source), subject.package.port.classes
        if name is None:
            given = source.config.get("architectures")
            raise Shut(f"{_short(source)} is of {given}; the port is of {', '.join(classes)}")
        seen[name] = model_type = classes[name]
        config = subject.config(source)
        if config.model_type != model_type:
            raise Shut(f"{_short(source)} is a {config.model_type}, the port {model_type}")
        unaccounted = subject.architecture(source).config.unaccounted(config, source.config)
        if unaccounted:
            raise Shut(f"config keys neither read nor ignored: {', '.join(unaccounted)}")
    return f"{', '.join(seen)}, every key accounted for"


def registration(subject: Candidate) -> str:
    """What is registered agrees with what is declared."""
    found = []
    for name in subject.package.port.classes:
        architecture = subject.package.port.architecture(name)
        if architecture.name != name:
            raise Shut(f"arch.py registers {architecture.name}, deltas.py declares {name}")
        if architecture.default_encoding not in architecture.supported_encodings:
            raise Shut(f"the default encoding, {architecture.default_encoding}, is not supported")
        if name in installed.max_names():
            raise Shut(f"MAX serves {name} itself")
        encodings = ", ".join(sorted(architecture.supported_encodings))
        found.append(f"{name} in {encodings}, {architecture.default_encoding} by default")
    return "; ".join(found)


def imports(subject: Candidate) -> str:
    """The folder imports as ``--custom-architectures`` has it, and its adapters can be pickled."""
    from max.pipelines.lib.arch_lookup import ArchLookup

    lookup, names = ArchLookup(), list(subject.package.port.classes)
    lookup.import_custom_architectures([str(subject.package.directory)])
    for name in names:
        found = lookup.resolve(name)
        if found is None:
            raise Shut(f"ARCHITECTURES of __init__.py does not register {name}")
        for adapter in found.weight_adapters.values():
            # The model worker is another process.
            pickle.loads(pickle.dumps(adapter))
    return f"--custom-architectures {subject.package.slug} registers {', '.join(names)}"


def graph(subject: Candidate) -> str:
    """The graph of each checkpoint's config can be traced."""
    from proof.dry import dry_build, dry_trace

    for source in subject.sources:
        dry_trace(dry_build(subject.architecture(source), subject.config(source)))
    return f"traced for {len(subject.sources)} config{'s'[: len(subject.sources) > 1]}"


def weights_format(subject: Candidate) -> str:
    """The port has an adapter for the checkpoint's format, and MAX reads its dtypes."""
    from common.adapters import described

    seen = set()
    for source, headers in subject.headers():
        described(headers)
        adapters = {str(weights) for weights in subject.architecture(source).weight_adapters}
        formats = {header.file.suffix.removeprefix(".") for header in headers}
        for name in sorted(formats):
            if not any(name in adapter.lower() for adapter in adapters):
                raise Shut(f"{_short(source)} is {name}; the port has no adapter for that")
        seen |= formats | {header.dtype for header in headers}
    return ", ".join(sorted(seen))


def adapter(subject: Candidate) -> str:
    """Every tensor has its place in the graph, and every parameter its tensor."""
    from common.adapters import audit
    from tools.read.preflight import planned_from

    count = 0
    for source, headers in subject.headers():
        plan, parameters = planned_from(
            subject.architecture(source), subject.config(source), headers
        )
        audit(plan.produced, parameters)
        count += len(headers)
    return f"{count} tensors, each with its place, and no parameter without one"


def deltas(subject: Candidate) -> str:
    """Every delta is implemented, has a witness, and points into the reference."""
    port = subject.package.port
    missing = [delta.name for delta in port.deltas if isinstance(delta.witness, Unimplemented)]
    if missing:
        raise Shut(f"{len(missing)} not implemented: {'; '.join(missing)}")
    if not port.deltas:
        raise Shut("deltas.py declares none")
    for delta in port.deltas:
        try:
            located(port.classes.values(), delta.reference)
        except PortError as error:
            raise Shut(f"{delta.name}: {error}") from None
    return f"{len(port.deltas)}, each with a witness"


def docstrings(subject: Candidate) -> str:
    """No docstring or comment says what the code does not."""
    from .audit import OK, audited, built_facts

    package = subject.package
    bad = [f for f in audited(package, built_facts(package)) if f.verdict != OK]
    if bad:
        first = bad[0]
        more = f" (and {len(bad) - 1} more; see ./ports audit)" if len(bad) > 1 else ""
        raise Shut(f"{first.verdict} in {first.file}:{first.line}: {first.why}{more}")
    return "no lie, nothing stale"


PREFLIGHT: tuple[tuple[str, Callable[[Candidate], str]], ...] = (
    ("walls", walls),
    ("metadata", metadata),
    ("registration", registration),
)
#: In the order in which a port grows; each gate can be passed without those after it.
GATES = (
    *PREFLIGHT,
    ("import", imports),
    ("weights format", weights_format),
    ("graph", graph),
    ("adapter", adapter),
    ("deltas", deltas),
    ("docstrings", docstrings),
)


def _tried(name: str, check: Callable[[Candidate], str], subject: Candidate) -> Gate:
    try:
        return Gate(name, True, check(subject))
    except (Shut, PortError) as error:
        return Gate(name, False, _line(error))
    except Exception as error:
        # A port in the making may fail in any way; the next gates are still of interest.
        return Gate(name, False, f"{type(error).__name__}: {_line(error)}")


def _line(error: BaseException) -> str:
    text = " ".join(str(error.__cause__ or error).split())
    # What is not ours may be pages long.
    longest = 4000 if isinstance(error, Shut | PortError) else 400
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def passed(subject: Candidate, phase: Phase) -> list[Gate]:
    """Returns the gates of a phase, tried in order."""
    chosen = PREFLIGHT if phase is Phase.PREFLIGHT else GATES
    return [_tried(name, check, subject) for name, check in chosen]


def run(name: str, checkpoints: Sequence[str], phase: Phase) -> list[Gate]:
    """Tries the gates of a port against checkpoints, or else against those of its fixtures.

    Raises:
        PortError: If there is no such port or checkpoint.
    """
    sources = [open_source(checkpoint) for checkpoint in checkpoints]
    try:
        package = open_package(name)
    except BrokenPortError as error:
        return [Gate("import", False, _line(error))]
    with tempfile.TemporaryDirectory() as scratch:
        if not sources:
            from proof.checkpoints import quiet, write_checkpoint

            with quiet():
                sources = [
                    open_source(str(write_checkpoint(package.port, f, Path(scratch) / f.name)))
                    for f in package.port.fixtures
                ]
        if not sources:
            raise PortError(f"{package.slug} declares no fixture; give --checkpoint")
        return passed(Candidate(package, sources, {}), phase)


def gates(
    port: Annotated[str, typer.Argument(metavar="SLUG|DIR", help="A port, or its folder.")],
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(help="A directory or name of the Hub; the port's fixtures by default."),
    ] = None,
    phase: Annotated[
        Phase, typer.Option(help="preflight: before the first serve; verify: all of them.")
    ] = Phase.VERIFY,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    json_out: Annotated[Path | None, typer.Option(help="Write the JSON to a file too.")] = None,
) -> None:
    """Tries what a port must pass before anything is compiled, served or proven.

    Exit code 0 if every gate holds, 1 if not.

    Example: ./ports gates cohere2 --phase preflight
    """
    tried = run(port, checkpoint or (), phase)
    holds = all(gate.passed for gate in tried)
    result = {
        "port": port,
        "phase": phase.value,
        "holds": holds,
        "gates": [asdict(gate) for gate in tried],
    }
    if json_out:
        write_whole(json_out, json.dumps(result, indent=2) + "\n")
    if as_json:
        print_json(result)
    else:
        _print(tried, Console())
    if not holds:
        raise typer.Exit(1)


def _print(tried: Sequence[Gate], console: Console) -> None:
    for gate in tried:
        verdict = "[green]pass[/]" if gate.passed else "[red]FAIL[/]"
        console.print(f"{verdict}  [bold]{gate.name}[/]: {escape(gate.why)}", highlight=False)
    failed = [gate.name for gate in tried if not gate.passed]
    console.print(f"{len(failed)} of {len(tried)} gates fail" if failed else "every gate holds")
