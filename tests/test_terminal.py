# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every command of a well-kept tool has: short help, versions, completion, whole lines."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from architectures import slugs
from tests.support import ports, ports_here
from tools.__main__ import app
from tools.terminal.completion import VARIABLE, Shell
from tools.terminal.output import printer

NAMES = sorted(str(command.name) for command in app.registered_commands)


def test_short_help_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ports_here(capsys, "-h")
    assert code == 0
    assert all(name in out for name in NAMES)
    code, out, _ = ports_here(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"ports on max [\d.]+, transformers [\d.]+\n", out)


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ports_here(capsys, name, "-h")
    assert code == 0
    assert "Example:" in out


@pytest.mark.parametrize("shell", list(Shell))
def test_completion(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    code, script, _ = ports_here(capsys, "completion", shell.value)
    assert code == 0
    assert VARIABLE in script
    asked = {
        Shell.BASH: {"COMP_WORDS": "./ports insp", "COMP_CWORD": "1"},
        Shell.ZSH: {"_TYPER_COMPLETE_ARGS": "./ports insp"},
        Shell.FISH: {
            "_TYPER_COMPLETE_ARGS": "./ports insp",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    }[shell]
    ran = ports(env={**os.environ, VARIABLE: f"complete_{shell.value}", **asked})
    assert "inspect" in ran.stdout
    assert "check-walls" not in ran.stdout


def test_bash_reads_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    _, script, _ = ports_here(capsys, "completion", "bash")
    said = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p ./ports"],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert "_ports_completion" in said.stdout


def test_a_narrow_terminal_cuts_no_slug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, out, _ = ports_here(capsys, "list")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert max(map(len, shown.splitlines())) <= 80
    for slug in slugs():
        assert len(re.findall(rf"│ {slug} +│", shown)) == 1
    # Folded, and not cut.
    assert "…" not in shown


def test_a_pipe_gets_a_line_a_port(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ports_here(capsys, "list")
    assert [line.split("\t")[0] for line in out.splitlines()] == slugs()


def test_a_line_of_a_file_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    printer().print("deltas.py:100: " + "a word " * 60)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("deltas.py:100: a word")
