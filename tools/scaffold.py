# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""``ports scaffold``: a new port's folder from a donor's, which claims no more than it does."""

from __future__ import annotations

import ast
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

import jinja2
import typer
from rich.console import Console
from rich.markup import escape

from common.errors import PortError

from . import installed
from .deltas_of import Comparison, Donor, Entry, compare, donor_of, entries, model_type_of
from .output import print_json
from .reference import Reference
from .rewrite import argument, needs, renamed, with_settings
from .source import Source, open_source

#: The formatter's.
LINE = 100
TEMPLATES = Path(__file__).parent / "templates"
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CLASS = re.compile(r"([A-Z][A-Za-z0-9_]{0,63}?)(ForCausalLM|LMHeadModel)")


def literal(value: Any) -> str:
    """Returns Python source of a value, with double quotes as the formatter has them."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def wrapped(text: str, indent: int, call: str = "") -> str:
    """Returns a string as the formatter would have it: one literal, or several where it is long.

    Args:
        text: The string.
        indent: The column of the line that it is part of.
        call: The name of the class that is called with it; then that call is returned.
    """
    line, inner = literal(text), " " * (indent + 4)
    if indent + len(call) + 2 * bool(call) + len(line) + 1 <= LINE:
        return f"{call}({line})" if call else line
    if len(inner) + len(line) > LINE:
        parts = textwrap.wrap(text, LINE - 8 - indent, drop_whitespace=False)
        line = f"\n{inner}".join(map(literal, parts))
    return f"{call}(\n{inner}{line}\n{' ' * indent})"


@dataclass(frozen=True)
class Blueprint:
    """All that a new port's files are made from."""

    slug: str
    class_name: str
    model_type: str
    repo: str | None
    donor: Donor
    comparison: Comparison
    deltas: tuple[Entry, ...]

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
    deltas = entries(source, donor, comparison) + _inherited(donor, model_type)
    repo = None if source.directory else source.name
    return Blueprint(slug, class_name, model_type, repo, donor, comparison, tuple(deltas))


def importable(slug: str) -> bool:
    """Whether Python has a top-level module of that name."""
    try:
        return installed.folder(slug) is not None
    except (ValueError, ImportError):
        return True


def _inherited(donor: Donor, model_type: str) -> list[Entry]:
    """The donor's own deltas, which its code implements and this model has to show or lose."""
    if donor.folder is None:
        return []
    tree = ast.parse((donor.folder / "deltas.py").read_text())
    calls = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Delta"
    ]
    file = Reference(model_type).file.name
    return [
        Entry(
            f"from {donor.slug}: {name}",
            f"{file}:1",
            f"the code of {donor.slug} does this: show where this reference does, or take it out",
        )
        for name in (ast.literal_eval(call.args[0]) for call in calls)
    ]


def _settings(plan: Blueprint, *, ignored: bool) -> str:
    """The class variables that bridge the two configs."""
    found, lines = plan.comparison, []
    if found.norm_eps != "rms_norm_eps":
        lines.append(f"    NORM_EPS = {literal(found.norm_eps)}")
    if found.absent:
        lines.append("    # The donor's values: say what this reference does instead.")
        lines.append("    ABSENT = {")
        lines += [f"        {literal(k)}: {literal(v)}," for k, v in found.absent.items()]
        lines.append("    }")
    if found.training and ignored:
        lines.append("    IGNORED = {")
        lines += [f'        {literal(key)}: "training only",' for key in found.training]
        lines.append("    }")
    return "\n".join(lines)


def files(plan: Blueprint) -> dict[str, str]:
    """Returns the new port's files by name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Python is written, from names that are checked and literals
    )
    environment.filters |= {"literal": literal, "wrapped": wrapped}
    modules = {f"{plan.slug}": plan.name, "model_config": f"{plan.name}Config"}
    names = {
        **{key: getattr(plan, key) for key in ("name", "slug", "class_name", "model_type", "repo")},
        "deltas": plan.deltas,
        "imports": "\n".join(f"from .{m} import {modules[m]}" for m in sorted(modules)),
        "prefix": Reference(plan.model_type).prefix,
        "settings": _settings(plan, ignored=True),
        "gguf": _gguf(plan),
    }
    made = {
        file.name.removesuffix(".j2"): environment.get_template(file.name).render(names)
        for file in sorted(TEMPLATES.glob("*.j2"))
    }
    made[f"{plan.slug}.py"] = made.pop("decoder.py")
    return made | (_copied(plan) if plan.donor.folder else {})


def _gguf(plan: Blueprint) -> dict[str, str]:
    """What the donor declares of its GGUF files, as the weight map that is copied takes them."""
    imports = ["from common.testing.declare import Delta, Fixture, Port, Unimplemented"]
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
    ours = sorted(line for line in imports if line.startswith("from common."))
    others = sorted(set(imports) - set(ours))
    return {**found, "imports": "\n".join([*others, *[""] * bool(others), *ours])}


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
    prefixes = Reference(donor.model_type).prefix, Reference(plan.model_type).prefix
    made = {}
    for name, texts in docs.items():
        text = (donor.folder / name).read_text()
        new = name.replace(slug, plan.slug) if name == f"{slug}.py" else name
        made[new] = renamed(
            text, names={slug: plan.slug, old: plan.name}, prefix=prefixes, docs=texts
        )
    config = re.sub(r"^    NORM_EPS = .*\n", "", made["model_config.py"], flags=re.M)
    settings = _settings(plan, ignored="IGNORED" not in config)
    if settings:
        config = with_settings(config, f"{plan.name}Config", settings)
    made["model_config.py"] = config
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
    from common.testing.checkpoints import fixture_config, quiet

    from .dry import dry_build, dry_trace
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
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{escape(str(folder))} is {escape(plan.donor.name)} so far. To implement:")
    for delta in plan.deltas:
        console.print(f"  {escape(delta.name)}  [dim]{delta.reference}[/]")
    console.print(f"Next: edit, then ./ports gates {escape(str(folder))}")
