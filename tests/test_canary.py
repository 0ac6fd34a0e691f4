# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports canary`: which ports another transformers breaks, and in which method.

The other transformers is the installed one with a file changed; tests/caching has a released one.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from common.errors import PortError
from tests.support import ports_here
from tools.prove import canary
from tools.read import installed

GEMMA, PHI = "models/gemma/modeling_gemma.py", "models/phi/modeling_phi.py"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder with a whole transformers, file by file a link to the installed one's."""
    ours = installed.folder("transformers")
    assert ours
    folder = tmp_path / "other" / "transformers"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ours, folder, copy_function=os.symlink, ignore=skipped)
    return folder


@pytest.fixture
def python(other: Path) -> Path:
    """An interpreter that imports it."""
    file = other.parent / "python"
    # A canary sets PYTHONPATH to our root.
    file.write_text(
        f'#!/bin/sh\nPYTHONPATH={other.parent}:$PYTHONPATH exec {sys.executable} "$@"\n'
    )
    file.chmod(0o755)
    return file


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).unlink()
    (folder / file).write_text(text.replace(old, new))


def test_nothing_changed(other: Path, python: Path) -> None:
    assert canary.tried("gemma", python, other) == canary.Tried("gemma", (), ())


def test_a_formula_that_changed_is_named(other: Path, python: Path) -> None:
    change(other, GEMMA, " * self.embed_scale.to(self.weight.dtype)", "")
    found = canary.tried("gemma", python, other)
    assert "GemmaTextScaledWordEmbedding.forward" in found.changed
    proof = [line for line in found.breaks if line.startswith("proof:")]
    assert any("embedding times the root of the hidden size" in line for line in proof)


def test_other_words_are_no_break(other: Path, python: Path) -> None:
    change(
        other,
        GEMMA,
        "output = self._norm(x.float())\n",
        "output = self._norm(x.to(torch.float32))\n",
    )
    found = canary.tried("gemma", python, other)
    assert (found.changed, found.breaks) == (("GemmaRMSNorm.forward",), ())


def test_a_reference_that_went(other: Path) -> None:
    (other / GEMMA).unlink()
    with pytest.raises(PortError, match="GemmaForCausalLM: transformers has no models/gemma"):
        canary.changed("gemma", other)
    # No gates are needed to say so.
    found = canary.tried("gemma", Path("/nowhere"), other)
    assert found.breaks == (
        "GemmaForCausalLM: transformers has no models/gemma/modeling_gemma.py there",
    )


def test_a_reference_that_does_not_import(other: Path, python: Path) -> None:
    change(other, PHI, "class PhiMLP(nn.Module):", "import gone\n\n\nclass PhiMLP(nn.Module):")
    found = canary.tried("phi", python, other)
    (line,) = found.breaks
    assert "Could not import module 'PhiForCausalLM'" in line


def test_pins_change_everywhere() -> None:
    text = canary._pinned({"transformers": "5.0.1", "max": "27.1"})
    assert text.count('"transformers==5.0.1"') == 2
    assert text.count('"max==27.1"') == 1
    assert '"modular==27.1"' not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say which version to try"),
        (("--transformers", "../x"), "'../x' is no version"),
        (("--max", "latest"), "'latest' is no version"),
        (("--transformers", "5.12.1", "--verify", "gema"), "(nearest: gemma)"),
    ],
)
def test_bad_input(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ports_here(capsys, "canary", *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_folder_of_other_things_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("x")
    code, _, err = ports_here(capsys, "canary", "--transformers", "5.12.1", "--env", str(tmp_path))
    assert code == 2
    assert "is neither empty nor a canary's environment" in err
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = tmp_path / "env/lib/python3.11/site-packages"
    (packages / "transformers").mkdir(parents=True)
    monkeypatch.setattr(canary, "_made", lambda folder, pins: folder / "env/bin/python")

    def tried(slug: str, python: Path, home: Path) -> canary.Tried:
        assert (python, home) == (tmp_path / "env/bin/python", packages / "transformers")
        breaks = ("proof: it moves nothing",) if slug == "phi" else ()
        return canary.Tried(slug, breaks, ("PhiMLP.forward",) if slug == "phi" else ())

    monkeypatch.setattr(canary, "tried", tried)
    asked = ("canary", "--transformers", "5.12.1", "--env", str(tmp_path))
    code, out, _ = ports_here(capsys, *asked)
    lines = out.splitlines()
    assert code == 1
    assert "phi\tbreaks\tPhiMLP.forward" in lines
    assert "gemma\tholds\t-" in lines
    assert lines[-1] == "✗ phi: proof: it moves nothing"
    code, out, _ = ports_here(capsys, *asked, "--json")
    found = json.loads(out)
    assert (code, found["to"]) == (1, {"transformers": "5.12.1"})
    assert [port["port"] for port in found["ports"] if port["breaks"]] == ["phi"]
