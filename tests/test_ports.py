# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What holds across ports: they stay small, share nothing by copy, and are all registered."""

from __future__ import annotations

import ast
import itertools
import statistics
from pathlib import Path

import pytest

import architectures
from architectures import load_port, slugs
from tools.port.prose import LICENCE
from tools.read.located import located

FOLDER = Path(architectures.__path__[0])
PARTS = {
    "__init__.py",
    "arch.py",
    "deltas.py",
    "model.py",
    "model_config.py",
    "weight_adapters.py",
}


def lines(path: Path) -> list[str]:
    """The lines of a file without blanks, docstrings and the licence."""
    source = path.read_text()
    docs: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docs |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    numbered = enumerate(source.splitlines(), 1)
    return [s for n, line in numbered if n > LICENCE and n not in docs and (s := line.strip())]


def size(slug: str) -> int:
    return sum(len(lines(path)) for path in (FOLDER / slug).glob("*.py"))


def whole(slug: str) -> int:
    files = [*(FOLDER / slug).glob("*.py"), FOLDER / slug / "BUILD.bazel"]
    return sum(len(path.read_text().splitlines()) for path in files if path.exists())


@pytest.mark.parametrize("slug", slugs())
def test_a_port_has_its_parts(slug: str) -> None:
    found = {path.name for path in (FOLDER / slug).glob("*.py")}
    assert found == PARTS | {f"{slug}.py"}


@pytest.mark.parametrize("slug", slugs())
def test_a_port_fits_on_a_page(slug: str) -> None:
    assert size(slug) <= 130


def test_most_ports_are_smaller() -> None:
    assert statistics.median(map(size, slugs())) <= 100
    assert statistics.median(map(whole, slugs())) <= 170


@pytest.mark.parametrize("pair", list(itertools.combinations(slugs(), 2)), ids="-".join)
def test_two_ports_share_no_six_lines(pair: tuple[str, str]) -> None:
    def runs(slug: str) -> set[tuple[str, ...]]:
        files = [lines(path) for path in sorted((FOLDER / slug).glob("*.py"))]
        return {tuple(file[i : i + 6]) for file in files for i in range(len(file) - 5)}

    assert runs(pair[0]) & runs(pair[1]) == set()


@pytest.mark.parametrize("slug", slugs())
def test_deltas_point_into_the_reference(slug: str) -> None:
    port = load_port(slug)
    for delta in port.deltas:
        file, line = located(port.classes.values(), delta.reference).split(":")
        assert file.startswith(("modeling_", "configuration_"))
        assert int(line) > 1


def test_every_port_is_registered_once() -> None:
    registered = architectures.ARCHITECTURES.classes
    assert sorted(set(registered.values())) == slugs()
    for slug in slugs():
        port = load_port(slug)
        assert port.model_type == slug
        assert [name for name in registered if registered[name] == slug] == list(port.classes)
        for class_name in port.classes:
            assert port.architecture(class_name).name == class_name
