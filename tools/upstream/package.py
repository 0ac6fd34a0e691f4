# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lays a port out as modular/modular has its architectures: package, BUILD files, tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from architectures import load_port
from common.declaration import Port
from common.errors import PortError
from tools.terminal.files import ruff, templates

from .parts import OURS, Closure, Module, Part, module_named, parsed
from .prose import neutral, wrapped
from .source import ExportedPackage, Rewriter, inlined, renamed

TEMPLATES = Path(__file__).parent / "templates"
ARCHITECTURES = PurePosixPath("max/python/max/pipelines/architectures")
TESTS = PurePosixPath("max/tests/integration/architectures")
#: Modules of a port that are for this repository alone.
NOT_EXPORTED = {"__init__", "deltas"}
#: Where modules of common/ go, if not into layers/ or under the name of their folder and their own.
PLACES = {
    "common.adapters.audit": "weight_audit",
    "common.adapters.gguf": "weight_gguf",
    "common.adapters.layouts": "weight_layouts",
    "common.adapters.quantised": "weight_quantised",
    "common.adapters.rules": "weight_rules",
    "common.adapters.tensor": "weight_tensor",
    "common.adapters.weight_map": "weight_map",
    "common.config.decoder": "decoder_config",
    "common.config.deployment": "deployment_config",
    "common.config.keys": "config_keys",
    "common.config.rope": "rope_parameters",
    "common.pipeline.architecture": "decoder_arch",
    "common.pipeline.model": "decoder_model",
}
#: The helper that registers a decoder; upstream, every architecture spells out what it registers.
HELPER = Part("common.pipeline.architecture", "decoder_architecture")
WIDTH = 80


@dataclass(frozen=True)
class RegistryEntry:
    """A line of upstream's registry.

    Attributes:
        name: The class in config.json.
        slug: The folder.
        symbol: The registration, an attribute of the folder.
    """

    name: str
    slug: str
    symbol: str


@dataclass(frozen=True)
class Export:
    """A port as upstream would have it.

    Attributes:
        slug: The port.
        title: What people call the model.
        about: What its decoder is, in a few sentences.
        prompts: Lengths of the prompts that it is tested with, in tokens.
        new_tokens: How many tokens follow.
        files: Texts by their paths in upstream's repository.
        entries: Its lines of the registry.
        labels: What its package depends on, as Bazel names it.
    """

    slug: str
    title: str
    about: str
    prompts: tuple[int, ...]
    new_tokens: int
    files: Mapping[str, str]
    entries: tuple[RegistryEntry, ...]
    labels: tuple[str, ...]


def export(slug: str) -> Export:
    """Returns a port as upstream would have it. Imports MAX.

    Raises:
        PortError: If there is no such port, or its code cannot be moved.
    """
    from common.declaration import PROMPTS
    from proof.parity import NEW_TOKENS

    port = load_port(slug)
    symbols = {name: _symbol(slug, port, name) for name in port.classes}
    test = parsed("proof.exported", _test_source(slug, port))
    modules = _modules(slug, port, symbols)
    # The tests call it too.
    mentioned = {node.attr for node in ast.walk(test.tree) if isinstance(node, ast.Attribute)}
    package = _package(Closure(modules, mentioned), slug)
    classes = {
        module: sorted(set(_classes(port, kind).values()))
        for module, kind in (("model", "pipeline_model"), ("model_config", "config"))
    }
    package["__init__.py"] = _finished(
        render("init.py.j2", title=_title(slug), classes=classes, symbols=[*symbols.values()])
    )
    build = _dependencies(package.values(), slug)
    package["BUILD.bazel"] = render("BUILD.bazel.j2", slug=slug, **build)
    tests = _tests(test, slug)
    # A test depends on the package itself as well.
    tests["BUILD.bazel"] = render(
        "test.BUILD.bazel.j2", shards=len(port.fixtures), **_dependencies(tests.values(), "")
    )
    files = {f"{ARCHITECTURES / slug}/{name}": text for name, text in package.items()}
    files |= {f"{TESTS / slug}/{name}": text for name, text in tests.items()}
    return Export(
        slug,
        _title(slug),
        _about(slug),
        PROMPTS,
        NEW_TOKENS,
        dict(sorted(files.items())),
        tuple(RegistryEntry(name, slug, symbol) for name, symbol in symbols.items()),
        tuple(build["labels"]),
    )


def _symbol(slug: str, port: Port, name: str) -> str:
    if name == port.class_name:
        return f"{slug}_arch"
    # Before a capital that ends a word in lower case, or that begins one behind capitals.
    edges = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return f"{re.sub(edges, '_', name.removesuffix('ForCausalLM')).lower()}_arch"


def _modules(slug: str, port: Port, symbols: Mapping[str, str]) -> list[Module]:
    """A port's own modules, arch.py with its registrations spelled out."""
    folder = module_named(f"architectures.{slug}").file.parent
    names = sorted({file.stem for file in folder.glob("*.py")} - NOT_EXPORTED)
    modules = {name: module_named(f"architectures.{slug}.{name}") for name in names}
    variables = {
        "architecture" if name == port.class_name else name: to for name, to in symbols.items()
    }
    arch = modules["arch"]
    modules["arch"] = inlined(parsed(arch.name, renamed(arch.source, variables)), HELPER)
    return list(modules.values())


def _place(module: str) -> str:
    """Where a module of ours goes in the package."""
    top, *folders, name = module.split(".")
    if top == "architectures" or folders == [] or folders[0] == "layers":
        return ".".join([*folders[top == "architectures" :], name])
    return PLACES.get(module, "_".join([*folders, name]))


def _package(closure: Closure, slug: str) -> dict[str, str]:
    modules = [*closure.whole, *closure.modules()]
    places = {module.name: _place(module.name) for module in modules}
    if len(set(places.values())) < len(places):
        raise PortError(f"two modules of {slug} would go to one place: {sorted(places.values())}")
    texts = _rewritten(closure, modules, ExportedPackage(places))
    texts |= {
        f"{folder}/__init__.py": _finished(f'"""Parts of {_title(slug)}."""\n')
        for folder in {name.rpartition("/")[0] for name in texts} - {""}
    }
    return texts


def _tests(test: Module, slug: str) -> dict[str, str]:
    closure = Closure([test])
    modules = [test, *closure.modules()]
    places = {m.name: f"{slug}_{m.name.rpartition('.')[2]}" for m in modules}
    places[test.name] = f"test_{slug}"
    return _rewritten(closure, modules, ExportedPackage(places, absolute=True))


def _rewritten(
    closure: Closure, modules: Iterable[Module], package: ExportedPackage
) -> dict[str, str]:
    return {
        package.places[module.name].replace(".", "/") + ".py": _finished(
            neutral(Rewriter(module, closure, package).text(), OURS)
        )
        for module in modules
    }


def _test_source(slug: str, port: Port) -> str:
    from common.declaration import PROMPTS
    from proof.harness import MAX_LENGTH
    from proof.parity import LIMITS, NEW_TOKENS

    limits = {
        encoding: {name: _number(value) for name, value in vars(limits).items()}
        for encoding, limits in LIMITS.items()
    }
    return render(
        "test.py.j2",
        slug=slug,
        title=_title(slug),
        configs=_classes(port, "config"),
        limits=repr(limits).replace("'inf'", 'float("inf")'),
        max_length=MAX_LENGTH,
        new_tokens=NEW_TOKENS,
        prompts=PROMPTS,
        checkpoints={f.name: _checkpoint(port, f) for f in port.fixtures},
        router=port.router,
    )


def _number(value: float) -> float | str:
    return "inf" if value == float("inf") else value


def _checkpoint(port: Port, fixture: Any) -> tuple[str, dict[str, Any], int]:
    """A fixture's class, whole config and seed."""
    from proof.checkpoints import fixture_values

    name = fixture.class_name or port.class_name
    model_type = port.classes[name]
    config = {"model_type": model_type, **fixture_values(fixture, model_type)}
    return name, config, 0


def _classes(port: Port, kind: str) -> dict[str, str]:
    """The name of each class of a port, and of its ``pipeline_model`` or its ``config``."""
    return {name: getattr(port.architecture(name), kind).__name__ for name in port.classes}


def _title(slug: str) -> str:
    """What a port calls its model, as arch.py says it."""
    said = ast.get_docstring(module_named(f"architectures.{slug}.arch").tree) or ""
    match = re.match(r"Registers ([\w.-]*\w)", said)
    return match[1] if match else slug


def _about(slug: str) -> str:
    """What the module of a port's decoder says of it, without its first line."""
    said = ast.get_docstring(module_named(f"architectures.{slug}.{slug}").tree) or ""
    return said.partition("\n\n")[2] or said


def _dependencies(texts: Iterable[str], slug: str) -> dict[str, list[str]]:
    """The labels of what sources import, but the package itself, and the requirements from pip."""
    labels, requirements = set(), set()
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            for name in _imports(node):
                top = name.split(".")[0]
                if top == "max":
                    labels.add(_label(name))
                elif top in ("numpy", "tokenizers", "torch", "transformers"):
                    requirements.add(top)
    own = f"//max/python/max/pipelines/architectures/{slug}"
    return {
        # In buildifier's order, a package's own targets come first.
        "labels": sorted(labels - {own}, key=lambda label: label.replace(":", "\0")),
        "requirements": sorted(requirements),
    }


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        module = node.module or ""
        return [f"max.{alias.name}" for alias in node.names] if module == "max" else [module]
    return []


def _label(module: str) -> str:
    """The Bazel target that holds a module of MAX.

    Upstream has one for each package under max, under max.pipelines and under its architectures.
    """
    parts = module.split(".")
    depth = 2
    if parts[1:2] == ["pipelines"]:
        depth = 4 if parts[2:3] == ["architectures"] else 3
    parts = parts[:depth]
    if parts[1] in ("tree", "_core"):
        return f"//max/python/max:{parts[1]}"
    return f"//max/python/{'/'.join(parts)}"


def _finished(source: str) -> str:
    """Returns a source as upstream's formatter leaves it, under upstream's licence header."""
    config = ("--config", str(TEMPLATES / "ruff.toml"))
    fixed = ruff("check", "--fix-only", *config, source=source)
    text = wrapped(ruff("format", *config, source=fixed), WIDTH)
    return (TEMPLATES / "header.txt").read_text() + text


def render(template: str, **values: Any) -> str:
    """Returns what a template says with these values."""
    found = templates(TEMPLATES)
    # A cell of a table in Markdown.
    found.filters["cell"] = lambda text: text.replace("|", "\\|")
    return found.get_template(template).render(**values)
