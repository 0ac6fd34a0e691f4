# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Applies an export onto a checkout of modular/modular: all of it, or nothing."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import PortError

from .package import ARCHITECTURES, TESTS, WIDTH, Export, RegistryEntry

REGISTRY = ARCHITECTURES / "__init__.py"


def entry_lines(entry: RegistryEntry, indent: str = " " * 8) -> str:
    """Returns an entry of the registry's list, as upstream's formatter has it."""
    arguments = [f'"{entry.name}"', f'".{entry.slug}"', f'"{entry.symbol}"']
    joined = ", ".join(arguments)
    if len(line := f"{indent}_LazyArch({joined}),") <= WIDTH:
        return f"{line}\n"
    inner = f"{indent}    "
    if len(inner) + len(joined) > WIDTH:
        joined = f",\n{inner}".join(arguments) + ","
    return f"{indent}_LazyArch(\n{inner}{joined}\n{indent}),\n"


def _entries(registry: str) -> list[tuple[ast.Call, list[str]]]:
    """The entries of a registry, each with its texts: class, module, symbol."""
    found = []
    for node in ast.walk(ast.parse(registry)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_LazyArch":
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            found.append((node, [str(text) for text in texts]))
    return sorted(found, key=lambda entry: entry[0].lineno)


def registered(checkout: Path) -> set[str]:
    """Returns the classes that a checkout registers.

    Raises:
        PortError: If it is no checkout of modular/modular.
    """
    return {texts[0] for _, texts in _entries(_registry(checkout)) if texts}


def _registry(checkout: Path) -> str:
    file = checkout / REGISTRY
    try:
        text = file.read_text()
        found = _entries(text)
    except (OSError, SyntaxError, UnicodeDecodeError):
        found = []
    if not found:
        raise PortError(f"{checkout} is no checkout of modular/modular: {REGISTRY} lists nothing")
    return text


def with_entry(registry: str, entry: RegistryEntry) -> str:
    """Returns a registry with an entry more, where it disturbs the alphabet of folders least."""
    entries = _entries(registry)
    keys = [texts[1].lstrip(".").lower() for _, texts in entries]
    key = entry.slug.lower()

    def disorder(place: int) -> int:
        return sum(k > key for k in keys[:place]) + sum(k < key for k in keys[place:])

    # Behind its equals, and so behind the entries of its own folder.
    place = min(reversed(range(len(keys) + 1)), key=disorder)
    lines = registry.splitlines(keepends=True)
    line = (entries[-1][0].end_lineno or 0) if place == len(keys) else entries[place][0].lineno - 1
    indent = " " * entries[0][0].col_offset
    lines.insert(line, entry_lines(entry, indent))
    return "".join(lines)


def apply(export: Export, checkout: Path) -> list[tuple[str, int]]:
    """Writes an export into a checkout, and registers it.

    Returns:
        The files that changed, each with the number of lines added.

    Raises:
        PortError: If the checkout has something in one of the places, or changes of its own there.
    """
    registry = _registry(checkout)
    _check(export, checkout)
    changed = registry
    for entry in export.entries:
        changed = with_entry(changed, entry)
    with _staged(export, checkout) as folders:
        _swap(folders, checkout / REGISTRY, changed)
    added = {path: text.count("\n") for path, text in export.files.items()}
    added[str(REGISTRY)] = changed.count("\n") - registry.count("\n")
    return sorted(added.items())


def _check(export: Export, checkout: Path) -> None:
    for folder in (ARCHITECTURES / export.slug, TESTS / export.slug):
        if os.path.lexists(checkout / folder):
            raise PortError(f"conflict: {checkout} has {folder} already; nothing was written")
        # Nothing is written through a link to elsewhere.
        parent = (checkout / folder).parent
        if not parent.is_dir() or not parent.resolve().is_relative_to(checkout.resolve()):
            raise PortError(f"conflict: {checkout} has no folder {folder.parent}")
    for label in export.labels:
        package = label.removeprefix("//").partition(":")[0]
        if not (checkout / package / "BUILD.bazel").is_file():
            raise PortError(f"conflict: {checkout} has no {package}/BUILD.bazel, for {label}")
    changes = _git(checkout, "status", "--porcelain", "--", str(REGISTRY))
    if changes:
        raise PortError(f"{REGISTRY} has changes that are not committed in {checkout}")


def _git(checkout: Path, *arguments: str) -> str:
    try:
        ran = subprocess.run(
            # It would refresh the checkout's index on the side.
            ["git", "--no-optional-locks", "-C", str(checkout), *arguments],
            capture_output=True,
            text=True,
        )
    except OSError:
        raise PortError("git is missing; it is needed to apply an export") from None
    if ran.returncode:
        raise PortError(f"{checkout} is no git checkout: {ran.stderr.strip()}")
    return ran.stdout.strip()


@contextmanager
def _staged(export: Export, checkout: Path) -> Iterator[list[tuple[Path, Path]]]:
    """Writes the folders beside their places; yields each with its place."""
    staged: list[tuple[Path, Path]] = []
    try:
        for folder in (ARCHITECTURES / export.slug, TESTS / export.slug):
            place = checkout / folder
            beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
            staged.append((beside, place))
            inside = {
                path.removeprefix(f"{folder}/"): text
                for path, text in export.files.items()
                if path.startswith(f"{folder}/")
            }
            write(inside.items(), beside)
        yield staged
    except OSError as error:
        raise PortError(f"cannot write to {checkout}: {error.strerror}") from None
    finally:
        for beside, _ in staged:
            shutil.rmtree(beside, ignore_errors=True)


def _swap(folders: Sequence[tuple[Path, Path]], registry: Path, text: str) -> None:
    """Puts the folders and the registry in place; undoes it all if one cannot be."""
    beside = registry.with_name(f".{registry.name}-{os.getpid()}")
    moved: list[Path] = []
    try:
        beside.write_text(text)
        shutil.copymode(registry, beside)
        for folder, place in folders:
            folder.chmod(0o755)
            folder.rename(place)
            moved.append(place)
        beside.replace(registry)
    except BaseException:
        for place in moved:
            shutil.rmtree(place, ignore_errors=True)
        beside.unlink(missing_ok=True)
        raise


def write(files: Iterable[tuple[str, str]], folder: Path) -> None:
    """Writes texts by their paths in a folder."""
    for path, text in files:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
