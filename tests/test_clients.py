# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""No request ends a server, whatever a client sends; and the other clients notice nothing.

The worker that computes is one for all clients: what it raises ends it, and the server with it.
"""

from __future__ import annotations

import http.client
import json
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import OpenAI

from tests.loading import checkpoint
from tests.support import finished
from tools.prove.tiers import SMALL
from tools.run.serving import Server, command, free_port, healthy

VOCAB = 384
COUNT = int(os.environ.get("CLIENTS", "2000"))
CONNECTIONS = 16
COMPLETIONS, CHATS = "/v1/completions", "/v1/chat/completions"


class Target:
    """A server, and the model it serves."""

    def __init__(self, server: Server, model: str) -> None:
        self.server, self.model = server, model
        self.port = int(server.url.rpartition(":")[2])

    def send(self, path: str, request: dict[str, Any] | bytes, read: int = -1) -> tuple[int, bytes]:
        """Returns the status and the body, or its first bytes: the connection is then dropped."""
        body = request if isinstance(request, bytes) else self.body(request)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read(None if read < 0 else read)
        finally:
            connection.close()

    def body(self, request: dict[str, Any]) -> bytes:
        return json.dumps({"model": self.model, "max_tokens": 3, **request}).encode()

    def alive(self) -> bool:
        """Whether it still answers as it should."""
        status, _ = self.send(COMPLETIONS, {"prompt": "Hello", "temperature": 0})
        return status == 200 and self.server.process.poll() is None


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory = checkpoint("smollm3", tmp_path_factory.mktemp("clients") / "smollm3")
    tcp_port = free_port()
    arguments = command(directory, port=tcp_port, max_length=512, extra=SMALL)
    with Server(arguments, tcp_port) as server:
        server.wait(lambda stage: None)
        yield Target(server, str(directory))


REFUSED = {
    "an id beyond the vocabulary": ({"prompt": [1, 2, VOCAB]}, f"token id {VOCAB} is not in the"),
    "a negative id": ({"prompt": [-1]}, "token id -1 is not in the model's vocabulary"),
    "an id of 200 bits": ({"prompt": [2**200]}, "is not in the model's vocabulary: ids are 0 to"),
    "one such prompt of two": ({"prompt": [[1], [VOCAB]]}, f"token id {VOCAB} is not in the"),
    "no token": ({"prompt": ""}, "the prompt has no token"),
    "a seed of 65 bits": ({"prompt": "a", "seed": 2**64}, "does not fit 64 bits"),
    "a stop of 70 bits": ({"prompt": "a", "stop_token_ids": [2**70]}, "does not fit 64 bits"),
    "an echo that costs": (
        {"prompt": "a", "echo": True, "logprobs": 1},
        "echo with logprobs is for a server started with --enable-echo",
    ),
}


@pytest.mark.parametrize(("request_", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_with_the_reason(request_: dict[str, Any], line: str, target: Target) -> None:
    status, body = target.send(COMPLETIONS, request_)
    assert status == 400
    assert line in json.loads(body)["error"]["message"]
    assert target.alive()


def test_more_candidates_than_tokens_are_all(target: Target) -> None:
    for many in (VOCAB + 1, 10**9, 2**40):
        status, _ = target.send(COMPLETIONS, {"prompt": "a", "temperature": 1.0, "top_k": many})
        assert status == 200
    assert target.alive()


NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([0, 1, -1, 2, 7, 8, 511, 512, 513, 10**6, 2**31, 2**32, 2**63, 2**64, 10**30]),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 1e-30, 1e9, float("nan"), float("inf")]),
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
IDS = st.lists(st.sampled_from([0, 1, 5, VOCAB - 1, VOCAB, -1, 2**31, 2**63]), max_size=4)
PROMPTS = st.one_of(
    st.text(max_size=20), IDS, st.lists(st.text(max_size=4), max_size=3), st.just("x" * 600)
)
OPTIONS = {
    **dict.fromkeys(("temperature", "top_p", "top_k", "min_p", "seed", "n", "best_of"), NUMBERS),
    **dict.fromkeys(("max_tokens", "min_tokens", "logprobs", "top_logprobs"), NUMBERS),
    **dict.fromkeys(
        ("repetition_penalty", "frequency_penalty", "presence_penalty"),
        st.one_of(NUMBERS, st.floats(-2, 2)),
    ),
    "stop": st.one_of(ANYTHING, st.lists(st.text(max_size=3), max_size=3)),
    "stop_token_ids": st.one_of(ANYTHING, IDS),
    "logit_bias": st.dictionaries(st.sampled_from(["0", "384", "-1", "x"]), NUMBERS, max_size=2),
    **dict.fromkeys(("echo", "stream", "ignore_eos"), st.booleans()),
    **dict.fromkeys(("suffix", "user", "stream_options", "response_format"), ANYTHING),
}
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "assistant", "tool", "x"])},
        optional={"content": ANYTHING},
    ),
    max_size=3,
)


@settings(
    max_examples=max(100, COUNT // 10),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    prompt=PROMPTS,
    messages=MESSAGES,
    chat=st.booleans(),
    options=st.fixed_dictionaries({}, optional=OPTIONS),
)
def test_no_request_of_the_schema_ends_it(
    target: Target, prompt: Any, messages: Any, chat: bool, options: dict[str, Any]
) -> None:
    asked = {"messages": messages} if chat else {"prompt": prompt}
    # A generation may be as long as the model allows, and no longer.
    status, _ = target.send(CHATS if chat else COMPLETIONS, {**asked, **options})
    assert 200 <= status <= 501
    assert target.alive()


BROKEN = (b"", b"{", b"[]", b"\xff\xfe", b'"x"', b'{"model": 1}', b"[" * 100_000)


def rude(target: Target, number: int) -> None:
    """One of a crowd of requests that are wrong, cut off or left alone."""
    draw = random.Random(number)
    prompt: dict[str, Any] = {"prompt": [draw.randrange(VOCAB) for _ in range(draw.randint(1, 60))]}
    kind = draw.randrange(6)
    try:
        if kind == 0:
            target.send(COMPLETIONS, draw.choice(BROKEN))
        elif kind == 1:
            target.send(COMPLETIONS, {"prompt": [draw.choice([VOCAB, -1, 10**12])]})
        elif kind == 2:
            # Leaves in the middle of a stream.
            target.send(COMPLETIONS, {**prompt, "stream": True, "max_tokens": 60}, read=40)
        elif kind == 3:
            # Leaves before an answer, or before the question is whole.
            body = target.body({**prompt, "max_tokens": 20})
            connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
            connection.putrequest("POST", COMPLETIONS)
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body[: draw.choice([len(body), len(body) // 2])])
            connection.close()
        elif kind == 4:
            options = {"temperature": 1.5, "top_k": draw.choice([1, 400, 10**7]), "seed": number}
            target.send(COMPLETIONS, {**prompt, **options, "logprobs": draw.choice([None, 3])})
        else:
            target.send(COMPLETIONS, {**prompt, "temperature": 0, "max_tokens": 8})
    except OSError:
        # A connection that the server cuts is an answer, too.
        pass


def test_in_a_crowd_of_rude_clients_the_others_get_what_they_get_alone(target: Target) -> None:
    client = OpenAI(base_url=f"{target.server.url}/v1", api_key="none", max_retries=0)
    prompts = [f"{i} " * (i + 1) + "is a number" for i in range(8)]

    def ask(prompt: str) -> str:
        answer = client.completions.create(
            model=target.model, prompt=prompt, max_tokens=12, temperature=0
        )
        return finished(answer.choices[0].text)

    alone = [ask(prompt) for prompt in prompts]
    with ThreadPoolExecutor(CONNECTIONS + 2) as pool:
        crowd = [pool.submit(rude, target, number) for number in range(COUNT)]
        for _ in range(3):
            assert [ask(prompt) for prompt in prompts] == alone
        for each in crowd:
            each.result()
    assert [ask(prompt) for prompt in prompts] == alone
    assert healthy(target.server.url)
    assert target.alive()


def test_a_checkpoint_of_its_own(tmp_path: Path) -> None:
    """The vocabulary is the fixture's, which requests above are made for."""
    config = json.loads((checkpoint("smollm3", tmp_path / "x") / "config.json").read_text())
    assert config["vocab_size"] == VOCAB
