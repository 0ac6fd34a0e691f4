# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A port under `max serve`, asked by the openai client, against transformers and itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from openai import OpenAI
from safetensors.numpy import load_file, save_file

from architectures import load_port
from common.errors import PortError
from proof.checkpoints import write_checkpoint
from proof.metrics import log_softmax
from proof.oracle import Oracle
from tests.support import finished
from tools.prove.compare import ALIGNED, DIVERGED, PROBE, compared
from tools.prove.tiers import (
    SMALL as EXTRA,
)  # those of every server, so that one compile serves all
from tools.prove.tiers import run as run_tier
from tools.run.serving import Server, command, free_port, healthy

PROMPT = "The quick brown fox"
#: Long enough to differ, of different lengths, so that they share no ragged batch shape.
PROMPTS = [f"{i} " * (i + 1) + "is a number" for i in range(8)]


class Served:
    """A client of one served checkpoint."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory, self.model, self.url = directory, str(directory), url
        self.client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)

    def complete(self, prompt: str | list[int], tokens: int = 24) -> str:
        answer = self.client.completions.create(
            model=self.model, prompt=prompt, max_tokens=tokens, temperature=0
        )
        return answer.choices[0].text


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    port = load_port("smollm3")
    directory = tmp_path_factory.mktemp("serving") / "smollm3"
    return write_checkpoint(port, port.fixtures[0], directory)


@pytest.fixture(scope="module")
def served(checkpoint: Path) -> Iterator[Served]:
    directory, tcp_port = checkpoint, free_port()
    arguments = command(directory, port=tcp_port, max_length=512, extra=EXTRA)
    server = Server(arguments, tcp_port)
    try:
        server.wait(lambda stage: None)
        yield Served(directory, server.url)
    finally:
        server.stop()


def test_greedy_completion_and_logprobs_are_those_of_transformers(served: Served) -> None:
    from transformers import AutoTokenizer

    answer = served.client.completions.create(
        model=served.model, prompt=PROMPT, max_tokens=24, temperature=0, logprobs=1
    )
    tokenizer = AutoTokenizer.from_pretrained(served.directory)
    oracle = Oracle(served.directory)
    tokens = tokenizer(PROMPT).input_ids
    expected = []
    for _ in range(24):
        last = log_softmax(oracle.logits(tokens)[-1].astype(np.float64))
        tokens.append(int(last.argmax()))
        expected.append(last.max())
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    # σ is about 1 here, so this is the bar of every parity test.
    np.testing.assert_allclose(logprobs.token_logprobs, expected, atol=1e-4)
    expected_text = tokenizer.decode(tokens[-24:], skip_special_tokens=True)
    assert finished(answer.choices[0].text) == finished(expected_text) != ""
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 24


def test_chat_uses_the_template(served: Served) -> None:
    messages = [{"role": "user", "content": "Hello!"}]
    answer = served.client.chat.completions.create(
        model=served.model,
        messages=messages,  # type: ignore[arg-type]
        max_tokens=16,
        temperature=0,
        logprobs=True,
        top_logprobs=2,
    )
    # The same tokens as a plain prompt give the same text.
    assert answer.choices[0].message.content == served.complete("user: Hello!\nassistant: ", 16)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    for token in logprobs.content:
        first, second = (top.logprob for top in token.top_logprobs)
        assert token.logprob == first > second


def test_a_stream_adds_up_to_the_answer(served: Served) -> None:
    stream = served.client.completions.create(
        model=served.model, prompt=PROMPT, max_tokens=24, temperature=0, stream=True
    )
    parts = [chunk.choices[0].text for chunk in stream if chunk.choices]
    assert len(parts) > 1
    assert "".join(parts) == served.complete(PROMPT)


def test_concurrent_clients_get_the_answers_they_get_alone(served: Served) -> None:
    alone = [served.complete(prompt) for prompt in PROMPTS]
    assert len(set(alone)) == len(PROMPTS)
    with ThreadPoolExecutor(len(PROMPTS)) as pool:
        assert list(pool.map(served.complete, PROMPTS)) == alone


def test_compare_finds_the_server_aligned(served: Served) -> None:
    found = compared(served.directory, served.url, PROMPT)
    assert found.verdict == ALIGNED
    assert [probe.tokens for probe in found.probe] == list(PROBE)
    # Far nearer than the verdict asks.
    assert max(probe.rel_diff for probe in found.probe) < 1e-3
    assert finished(found.text.transformers) == finished(found.text.max) != ""
    assert found.text.same == found.text.tokens


def test_the_tiers_of_a_served_port_hold(served: Served) -> None:
    # Its compile is in the cache by now.
    (smoke,) = run_tier(1, [load_port("smollm3")], lambda text: None)
    assert smoke.holds
    assert smoke.why == "served, and generated 16 tokens"
    (probe,) = run_tier(3, [load_port("smollm3")], lambda text: None)
    assert probe.holds
    assert probe.why.startswith("6 positions; worst rel_diff ")


def test_compare_finds_another_checkpoint_diverged(served: Served, tmp_path: Path) -> None:
    # As if the server had lost the scale of its last norm: the same name, other weights.
    other = Path(shutil.copytree(served.directory, tmp_path / "other"))
    tensors = load_file(other / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"][::-1].copy()
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PortError, match=r"serves .*, not "):
        compared(other, served.url, PROMPT)
    kept = served.directory.rename(tmp_path / "kept")
    served.directory.symlink_to(other)
    try:
        found = compared(served.directory, served.url, PROMPT)
    finally:
        served.directory.unlink()
        kept.rename(served.directory)
    assert found.verdict == DIVERGED
    assert found.symptom == "wrong-at-first-token"


def test_compare_serves_and_ends_its_server(checkpoint: Path, tmp_path: Path) -> None:
    options = ("--slug", "smollm3", "--serve", "--json", "--", *EXTRA)
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "tools", "compare", str(checkpoint), *options],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["verdict"] == ALIGNED
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def processes_of(temporary: Path) -> list[int]:
    """Returns the processes whose TMPDIR is a folder, or lies in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"TMPDIR={temporary}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return bool(held)


@contextmanager
def python(*arguments: str, temporary: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs Python with a folder of its own for temporary files, and ends what it leaves."""
    with subprocess.Popen(
        [sys.executable, "-P", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        try:
            yield process
        finally:
            for pid in processes_of(temporary):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_serve_becomes_a_server_that_answers(checkpoint: Path, tmp_path: Path) -> None:
    port = free_port()
    options = ("--port", str(port), "--max-length", "512", "--", *EXTRA)
    with python("-m", "tools", "serve", str(checkpoint), *options, temporary=tmp_path) as process:
        url = f"http://127.0.0.1:{port}"
        assert wait_for(lambda: process.poll() is not None or healthy(url), 600)
        assert process.poll() is None
        assert Served(checkpoint, url).complete(PROMPT)
        process.send_signal(signal.SIGTERM)
        assert wait_for(lambda: not processes_of(tmp_path), 30)


def test_a_stopped_server_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tests.support import finished
from tools.run.serving import Server, command, free_port
port = free_port()
server = Server(command(Path({str(checkpoint)!r}), port=port, max_length=512, extra={EXTRA}), port)
try:
    server.wait(lambda stage: None)
finally:
    server.stop()
"""
    with python("-c", code, temporary=tmp_path) as process:
        assert process.wait(600) == 0
        assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_ended_takes_its_server_along(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

    def serves() -> bool:
        for pid in processes_of(tmp_path):
            with suppress(OSError):  # It may end meanwhile.
                if b"\0serve\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return True
        return False

    with python("-m", "tools", "demo", temporary=tmp_path) as process:
        assert wait_for(lambda: process.poll() is not None or serves(), 600)
        assert process.poll() is None
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
        assert processes_of(tmp_path) == []
    # torch may leave its cache; of the server nothing stays.
    assert [p for p in tmp_path.iterdir() if not p.name.startswith("torchinductor")] == []


@pytest.mark.parametrize(
    ("spec", "imported", "not_imported"),
    [
        ("architectures", "architectures.cohere2", "architectures.gpt_neox"),
        ("architectures/cohere2", "cohere2", "gpt_neox"),
    ],
)
def test_a_port_registers_from_any_directory(
    spec: str, imported: str, not_imported: str, tmp_path: Path
) -> None:
    import architectures

    root = Path(architectures.__path__[0]).parent
    code = f"""
import pickle, sys
from max.graph.weights import WeightsFormat
from max.pipelines.lib.registry import PIPELINE_REGISTRY as registry
registry._import_custom_architectures([{str(root / spec)!r}])
found = registry._arch_lookup.resolve("Cohere2ForCausalLM")
assert found.name == "Cohere2ForCausalLM"
assert {imported!r} in sys.modules and {not_imported!r} not in sys.modules
# The model worker gets the adapter pickled.
pickle.loads(pickle.dumps(found.weight_adapters[WeightsFormat.safetensors]))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=dict(os.environ))
