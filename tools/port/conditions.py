# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each gate asks of a port, and of the checkpoints that it is held against."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.checkpoint import Header
from common.declaration import Unimplemented
from common.errors import PortError
from tools.read import installed
from tools.read.ledger import ledger, values
from tools.read.located import located
from tools.read.reference import PLAIN, modeling_file
from tools.read.source import Source
from tools.terminal.output import plain

from .coverage import beside_the_point, unnamed
from .package import Package


class Shut(Exception):  # noqa: N818 - no error: a gate's answer
    """A gate that does not hold, and why.

    Args:
        causes: What is wrong, each in a line.
    """

    def __init__(self, *causes: str) -> None:
        super().__init__("; ".join(causes))
        self.causes = causes


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

    def line_of(self, delta: str) -> str:
        """Returns ``deltas.py:line`` of a delta that the port declares itself."""
        return place(self.package.directory / "deltas.py", json.dumps(delta, ensure_ascii=False))

    def headers(self) -> Iterator[tuple[Source, list[Header]]]:
        for source in self.sources:
            yield source, source.headers()


def place(file: Path, text: str) -> str:
    """Returns ``file.py:line`` of the first line that has a text; of the file, if none has."""
    lines = file.read_text().splitlines() if file.is_file() else []
    return f"{file.name}:{next((n for n, line in enumerate(lines, 1) if text in line), 1)}"


def _short(source: Source) -> str:
    return source.directory.name if source.directory else source.name


def walls(subject: Candidate) -> str:
    """No wall stands before the checkpoint."""
    from tools.read.walls import BLOCKER, found

    has = _parts(subject)
    findings = [finding for source in subject.sources for finding in found(source, has)]
    blockers = sorted({f"{f.name} ({f.evidence})" for f in findings if f.level == BLOCKER})
    if blockers:
        raise Shut("; ".join(blockers))
    warnings = sorted({f.name for f in findings})
    return f"no blocker; to look at: {', '.join(warnings)}" if warnings else "none"


def _parts(subject: Candidate) -> Callable[[str], bool]:
    """Whether the port's decoders have a part whose class's name has a word in it."""
    from .audit import built_facts

    try:
        return built_facts(subject.package).has
    except Exception:
        # Why it cannot be built is for the gate "graph" to say.
        return lambda part: False


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
    """Every delta is implemented, has a witness that is about it, and points into the reference."""
    port, causes = subject.package.port, []
    for delta in port.deltas:
        where = subject.line_of(delta.name)
        if isinstance(delta.witness, Unimplemented):
            causes.append(f"{where}: {delta.name}: not implemented: {delta.witness.reason}")
            continue
        try:
            located(port.classes.values(), delta.reference)
        except PortError as error:
            causes.append(f"{where}: {delta.name}: {error}")
            continue
        if foreign := beside_the_point(port, delta):
            causes.append(f"{where}: {delta.name}: {foreign}")
    if not port.deltas:
        causes.append("deltas.py declares none")
    if causes:
        raise Shut(*causes)
    return f"{len(port.deltas)}, each with a witness"


def complete(subject: Candidate) -> str:
    """Everything in which the reference is no plain decoder is a delta, or harmless."""
    port, count = subject.package.port, 0
    causes = []
    for name, model_type in port.classes.items():
        for entry in unnamed(port, name):
            added = next((line[1:].strip() for line in entry.hunk if line.startswith("+    ")), "")
            causes.append(
                f"{modeling_file(model_type).name}:{entry.lines[0]}: {entry.name} is not the plain"
                f" decoder's, and no delta names it{f': {plain(added)[:100]}' if added else ''}"
            )
        count += sum(entry.differs for entry in ledger(model_type, PLAIN, name))
    for source in subject.sources:
        causes += _decided(subject, source)
    if causes:
        raise Shut(*dict.fromkeys(causes))
    return f"{count} methods differ from the plain decoder's, each named"


def _decided(subject: Candidate, source: Source) -> Iterator[str]:
    """What the config decides, and the port's config does not read."""
    port, name = subject.package.port, subject.class_name(source) or subject.package.port.class_name
    config, keys = subject.config(source), subject.architecture(source).config.keys
    ignored = subject.architecture(source).config.table("IGNORED")
    counted = keys(config)
    subject.architecture(source).config.read_all(counted)
    given = config.to_dict()
    for value in values(given, port.classes[name], PLAIN):
        harmless = any(each.endswith(f".{value.key}") for each in port.harmless)
        if value.key in ignored and value.key not in counted.used and not harmless:
            yield (
                f"model_config.py: {value.key} = {value.value!r} is ignored"
                f" ({ignored[value.key]}), and the reference computes with it"
            )


def fields(subject: Candidate) -> str:
    """The graph is built from every field of the port's config."""
    from common.config.deployment import Deployment
    from proof.dry import fields_read

    port, read, known = subject.package.port, set[str](), set[str]()
    for source in subject.sources:
        architecture = subject.architecture(source)
        read |= fields_read(architecture, subject.config(source))
        known |= {field.name for field in dataclasses.fields(architecture.config)}
    unread = sorted(known - read - {field.name for field in dataclasses.fields(Deployment)})
    if unread and port.fixtures:
        file = subject.package.directory / "model_config.py"
        raise Shut(*(f"{place(file, name)}: nothing is built from {name}" for name in unread))
    return f"{len(known & read)} fields of the config are used"


def proof(subject: Candidate) -> str:
    """The half of the proof that needs no compile: config, flags, oracle and witnesses."""
    from common.compiled.target import Target
    from proof.checkpoints import quiet
    from proof.verify import Proof

    port = subject.package.port
    if not port.fixtures:
        raise Shut("deltas.py declares no fixture, so nothing can be proven")
    # What is not implemented is the gate before's to say.
    done = tuple(d for d in port.deltas if not isinstance(d.witness, Unimplemented))
    port = dataclasses.replace(port, deltas=done)
    causes: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, quiet():
        made = Proof(port, Path(scratch), Target("cpu", "float32"))
        for step in made.checks():
            try:
                causes += step.problems()
            except PortError as error:
                causes.append(f"{step.name}: {error}")
    # A key that is not accounted for is so in every fixture and spelling.
    unaccounted = re.compile(r"^\w+: (config key '.+' is neither read nor ignored) \(.+\)$")
    causes = [unaccounted.sub(r"\1", cause) for cause in causes]
    if causes:
        raise Shut(*dict.fromkeys(causes))
    least = min(made.report.deltas.values(), default=0.0)
    return f"{len(port.fixtures)} fixtures; the weakest witness moves logits by {least:.2f} σ"


def docstrings(subject: Candidate) -> str:
    """No docstring or comment says what the code does not."""
    from .audit import OK, audited, built_facts

    package = subject.package
    bad = [f for f in audited(package, built_facts(package)) if f.verdict != OK]
    if bad:
        raise Shut(*(f"{found.file}:{found.line}: {found.verdict}: {found.why}" for found in bad))
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
    ("fields", fields),
    ("deltas", deltas),
    ("complete", complete),
    ("proof", proof),
    ("docstrings", docstrings),
)
