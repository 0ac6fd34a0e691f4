# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints as people bring them under a real `ports serve`, asked by the openai client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from openai import OpenAI

from proof.oracle import Oracle
from tests.loading import checkpoint, sentencepiece_only, stacked_experts
from tests.support import finished
from tools.prove.tiers import SMALL
from tools.run.serving import free_port

#: After it both tokenizers write text; of random weights most is no UTF-8.
PROMPT, TOKENS = "word38 of line 266, and on", 4


def float16(directory: Path) -> None:
    checkpoint("smollm3", directory, dtype="float16")


def until(said: IO[str], sign: str) -> list[str]:
    """Reads lines up to one that has a sign; none has it if the process ends before."""
    lines = []
    for line in said:
        lines.append(line)
        if sign in line:
            break
    return lines


@pytest.mark.parametrize("brought", [float16, sentencepiece_only, stacked_experts])
def test_it_is_served_with_the_text_of_transformers(
    brought: Callable[[Path], None], tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    folder, tcp_port = tmp_path / "checkpoint", free_port()
    brought(folder)
    options = ("--port", str(tcp_port), "--max-length", "512", "--device", "cpu", "--", *SMALL)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tools", "serve", str(folder), *options],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stderr
        try:
            lines = until(process.stderr, "ready at")
            assert f"http://127.0.0.1:{tcp_port}/v1" in lines[-1], "".join(lines)
            assert any("compiling the model" in line for line in lines)
            assert "curl" in process.stderr.readline()
            client = OpenAI(base_url=f"http://127.0.0.1:{tcp_port}/v1", api_key="none")
            answer = client.completions.create(
                model=str(folder), prompt=PROMPT, max_tokens=TOKENS, temperature=0
            )
        finally:
            # As Ctrl-C: the way to end it, and no error.
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
        assert process.wait(60) == 0
        assert rest.endswith("stopped\n")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer(PROMPT).input_ids
    expected = Oracle(folder).greedy(prompt, TOKENS)[len(prompt) :]
    said = tokenizer.decode(expected, skip_special_tokens=True)
    assert finished(answer.choices[0].text) == finished(said)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("max-serve")]
