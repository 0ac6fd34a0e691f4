# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports scaffold``: a new port's folder from a donor's, which claims no more than it does."""

from __future__ import annotations

import json
import keyword
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from common.errors import PortError
from tools.read import installed
from tools.read.ledger import ledger
from tools.read.reference import prefix
from tools.read.source import Source, open_source
from tools.terminal.files import formatted, templates
from tools.terminal.output import print_json, printer

from .donor import (
    Comparison,
    Donor,
    OpenDelta,
    compare,
    donor_of,
    entries,
    inherited,
    model_type_of,
)
from .rewrite import argument, needs, renamed, value_of, with_tables

#: The formatter's.
LINE = 100
TEMPLATES = Path(__file__).parent / "templates"
ROOT = Path(__file__).parents[2]
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CLASS = re.compile(r"([A-Z][A-Za-z0-9_]{0,63}?)(ForCausalLM|LMHeadModel)")


def literal(value: Any) -> str:
    """Returns Python source of a value, with double quotes as the formatter has them."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def wrapped(text: str) -> str:
    """Returns source of a string, as several literals where one would be longer than a line."""
    parts = textwrap.wrap(text, LINE - 28, drop_whitespace=False) or [""]
    return " ".join(map(literal, parts)) if len(parts) > 1 else literal(text)


@dataclass(frozen=True)
class Blueprint:
    """All that a new port's files are made from."""

    slug: str
    class_name: str
    model_type: str
    repo: str | None
    donor: Donor
    comparison: Comparison
    deltas: tuple[OpenDelta, ...]

    @property
    def name(self) -> str:
        """The prefix of the port's classes."""
        match = _CLASS.fullmatch(self.class_name)
        assert match is not None
        return match[1]


def blueprint(source: Source, donor: Donor, slug: str | None) -> Blueprint:
    """Returns what to write.

    Raises:
        PortError: If the model has no reference, is registered already, or its names are no names.
    """
    model_type = model_type_of(source)
    slug = slug if slug is not None else re.sub(r"\W", "_", model_type)
    if not _SLUG.fullmatch(slug) or keyword.iskeyword(slug):
        raise PortError(
            f"slug {slug!r} is no name of a folder of Python; --slug takes lower-case letters,"
            " digits and _"
        )
    if slug in sys.stdlib_module_names or importable(slug):
        raise PortError(f"slug {slug!r} is the name of another Python package; choose with --slug")
    classes = source.config.get("architectures")
    class_name = classes[0] if isinstance(classes, list) and classes else None
    if not isinstance(class_name, str) or not _CLASS.fullmatch(class_name):
        raise PortError(
            f"config.json of {source.name} names no class such as Starcoder2ForCausalLM in"
            ' "architectures"'
        )
    if class_name in installed.max_names():
        raise PortError(f"MAX serves {class_name} itself: run `max serve` without these ports")
    if class_name in installed.port_names():
        raise PortError(
            f"{class_name} has a port: architectures/{installed.port_names()[class_name]}"
        )
    comparison = compare(source, donor)
    deltas = entries(donor, comparison, model_type) + inherited(donor, model_type)
    repo = None if source.directory else source.name
    return Blueprint(slug, class_name, model_type, repo, donor, comparison, tuple(deltas))


def importable(slug: str) -> bool:
    """Whether Python has a top-level module of that name."""
    try:
        return installed.folder(slug) is not None
    except (ValueError, ImportError):
        return True


def _tables(plan: Blueprint) -> dict[str, dict[str, Any]]:
    """What the tables of the new config hold beside the donor's, to bridge the two configs."""
    found = plan.comparison
    return {
        "KEYS": {"norm_eps": found.norm_eps} if found.norm_eps != "rms_norm_eps" else {},
        # The donor's values: what this reference does instead is still to be said.
        "REQUIRED": dict(found.absent),
        "IGNORED": dict.fromkeys(found.training, "training only"),
    }


def files(plan: Blueprint) -> dict[str, str]:
    """Returns the new port's files by name, not formatted yet."""
    environment = templates(TEMPLATES)
    environment.filters |= {"literal": literal, "wrapped": wrapped}
    copied = _copied(plan) if plan.donor.folder else {}
    tables = _tables(plan)
    names = {
        **{key: getattr(plan, key) for key in ("name", "slug", "class_name", "model_type", "repo")},
        "deltas": plan.deltas,
        "maps": _maps(copied.get("weight_adapters.py", "")),
        "prefix": prefix(plan.model_type),
        "settings": with_tables("", tables),
        "gguf": _gguf(plan),
        "router": _router(plan),
    }
    made = {
        file.name.removesuffix(".j2"): environment.get_template(file.name).render(names)
        for file in sorted(TEMPLATES.glob("*.j2"))
    }
    made[f"{plan.slug}.py"] = made.pop("decoder.py")
    return made | copied


def _maps(weight_adapters: str) -> list[str]:
    return ["gguf_weight_map"] * ("gguf_weight_map" in weight_adapters) + ["weight_map"]


def _gguf(plan: Blueprint) -> dict[str, str]:
    """What the donor declares of its GGUF files, as the weight map that is copied takes them."""
    imports = ["from common.declaration import Delta, Fixture, Port, Unimplemented"]
    found = {"call": "", "code": ""}
    if plan.donor.folder:
        # Without comments that speak of the donor.
        source = renamed(
            (plan.donor.folder / "deltas.py").read_text(), names={}, prefix=("", ""), docs={}
        )
        # The names of architectures and fixtures are the donor's own.
        found["call"] = argument(source, "Port", "gguf", kept={"moved", "atol"})
        needed, found["code"] = needs(source, found["call"])
        imports += needed
    return {**found, "imports": "\n".join(imports)}


def _router(plan: Blueprint) -> str | None:
    """The reference's class that has the place of the donor's router."""
    if plan.donor.folder is None:
        return None
    theirs = value_of((plan.donor.folder / "deltas.py").read_text(), "Port", "router")
    if theirs is None:
        return None
    entries = ledger(plan.model_type, plan.donor.model_type)
    places = {entry.parent.split(".")[0]: entry.name.split(".")[0] for entry in entries}
    return places.get(theirs)


def _copied(plan: Blueprint) -> dict[str, str]:
    """The parts that a donor port has of its own, under the new names."""
    donor, slug = plan.donor, plan.donor.slug
    assert donor.folder is not None
    assert slug is not None
    match = _CLASS.fullmatch(donor.class_name)
    assert match is not None
    old = match[1]
    decoder = (
        f"{plan.name}'s decoder.\n\nIt derives from {slug}, of which nothing is changed so far. It"
        " differs in what\n``deltas.py`` lists.\n"
    )
    docs = {
        f"{slug}.py": {"": decoder, old: f"{plan.name} as parts, all of them the donor's so far."},
        "model_config.py": {"": f"{plan.name}'s config: the donor's so far."},
        "weight_adapters.py": {"": f"{plan.name}'s weights: the donor's rules so far."},
    }
    prefixes = prefix(donor.model_type), prefix(plan.model_type)
    made = {}
    for name, texts in docs.items():
        text = (donor.folder / name).read_text()
        new = name.replace(slug, plan.slug) if name == f"{slug}.py" else name
        made[new] = renamed(
            text, names={slug: plan.slug, old: plan.name}, prefix=prefixes, docs=texts
        )
    made["model_config.py"] = with_tables(made["model_config.py"], _tables(plan))
    return made


@contextmanager
def _importing(slug: str) -> Iterator[None]:
    """Lets a package be imported, and leaves nothing of that behind."""
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode
        for name in [n for n in sys.modules if n == slug or n.startswith(f"{slug}.")]:
            del sys.modules[name]


def check(folder: Path, donor: Donor) -> None:
    """Imports a scaffold and builds its graphs.

    Raises:
        PortError: If the donor cannot carry this model's config.
    """
    from proof.checkpoints import fixture_config, quiet
    from proof.dry import dry_build, dry_trace

    from .package import open_package

    with _importing(folder.name):
        try:
            port = open_package(str(folder)).port
            with quiet():
                for fixture in port.fixtures:
                    config = fixture_config(port, fixture)
                    dry_trace(dry_build(port.architecture(), config))
        except Exception as error:
            raise PortError(
                f"{donor.slug or donor.name} cannot carry this config"
                f" ({type(error).__name__}: {error}); start from LlamaForCausalLM"
            ) from None


def write(plan: Blueprint, output_dir: Path) -> Path:
    """Writes a new port's folder, whole or not at all.

    Raises:
        PortError: If it is there already, or what would be written does not build.
    """
    if not output_dir.is_dir():
        raise PortError(f"{output_dir} is no folder; make it first")
    target = output_dir.resolve() / plan.slug
    if target.exists() or target.is_symlink():
        raise PortError(f"{target} exists; nothing is overwritten")
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".scaffold-", dir=output_dir))
    except OSError as error:
        raise PortError(f"cannot write to {output_dir}: {error.strerror}") from None
    try:
        folder = scratch / plan.slug
        folder.mkdir()
        for name, text in files(plan).items():
            (folder / name).write_text(text)
        formatted(folder, ROOT / "pyproject.toml")
        check(folder.resolve(), plan.donor)
        folder.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def scaffold(
    model: Annotated[str, typer.Argument(help="A directory, or a name of the Hub.")],
    start_from: Annotated[str, typer.Option(help="A port's slug, or a class or folder of MAX.")],
    output_dir: Annotated[Path, typer.Option(help="Where the port's folder is made.")],
    slug: Annotated[
        str | None, typer.Option(help="The folder's name; the model_type by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Writes the folder of a new port. It imports and builds, and is not the model yet.

    Every difference from the donor that the reference's code and config show is an entry of
    deltas.py; `gates` fails, by name, until each is implemented.

    Example: ./ports scaffold bigcode/starcoder2-3b --start-from gpt_neox --output-dir /tmp
    """
    plan = blueprint(open_source(model), donor_of(start_from), slug)
    folder = write(plan, output_dir)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "class": plan.class_name,
                "donor": plan.donor.name,
                "files": sorted(path.name for path in folder.iterdir()),
                "deltas": [asdict(delta) for delta in plan.deltas],
            }
        )
        return
    console = printer()
    console.print(f"{escape(str(folder))} is {escape(plan.donor.name)} so far. To implement:")
    for delta in plan.deltas:
        console.print(f"  {escape(delta.name)}  [dim]{delta.reference}[/]")
    console.print(f"Next: edit, then ./ports gates {escape(str(folder))}")
