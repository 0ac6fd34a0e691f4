# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of the Hub: only headers travel, and what keeps one closed is said in one line.

The real client talks to a server of this test's, which knows as much of the Hub's API as that.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import support
from tests.loading import checkpoint, shard, store, tensors
from tests.sparse import write_shards

SHARD = "model-00002-of-00003.safetensors"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLOSED = {"acme/gated": (403, "GatedRepo"), "acme/gone": (404, "RepoNotFound")}


class Hub(ThreadingHTTPServer):
    """Serves ``root/owner/name`` as repositories, and remembers what it was asked."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.sent: dict[str, int] = {}
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
            place = self.path.partition("?")[0]
            self.server.sent[place] = self.server.sent.get(place, 0) + len(body)

    def do_GET(self) -> None:
        self.server.tokens.add(self.headers.get("Authorization"))
        listed = re.match(r"/api/models/(\w+/\w+)/(?:tree|revision)/", self.path)
        file = re.match(r"/(\w+/\w+)/resolve/\w+/([^?]+)", self.path)
        repo = (listed or file or re.match("()", ""))[1]  # type: ignore[index]
        if repo in CLOSED:
            status, code = CLOSED[repo]
            self.answer(status, {"X-Error-Code": code})
        elif listed:
            home = self.server.root / repo
            entries = [
                {
                    "type": "file",
                    "path": str(p.relative_to(home)),
                    "size": p.stat().st_size,
                    "oid": "0",
                }
                for p in home.rglob("*")
                if p.is_file()
            ]
            self.answer(200, {"Content-Type": "application/json"}, json.dumps(entries).encode())
        elif file and (self.server.root / repo / file[2]).is_file():
            self.send_part(self.server.root / repo / file[2])
        else:
            self.answer(404, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET  # noqa: N815

    def send_part(self, file: Path) -> None:
        headers = {"ETag": f'"{file.name}"', "X-Repo-Commit": COMMIT}
        size, asked = file.stat().st_size, self.headers.get("Range")
        if self.command == "HEAD":
            self.answer(200, headers | {"Content-Length": str(size)})
            return
        first, last = 0, size - 1
        if asked:
            first, last = map(int, re.findall("[0-9]+", asked))
        with file.open("rb") as data:
            data.seek(first)
            body = data.read(min(last, size - 1) - first + 1)
        headers["Content-Range"] = f"bytes {first}-{first + len(body) - 1}/{size}"
        self.answer(206 if asked else 200, headers, body)


CONFIG = {
    "architectures": ["Starcoder2ForCausalLM"],
    "model_type": "starcoder2",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_hidden_layers": 40,
    "vocab_size": 50000,
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    root = tmp_path_factory.mktemp("hub")
    repo = root / "acme" / "coder"
    repo.mkdir(parents=True)
    (repo / "config.json").write_text(json.dumps(CONFIG))
    # Headers longer than what the client asks for at first.
    names = {f"model.layers.{i // 50}.experts.{i % 50}.w": (1024, 1024) for i in range(2000)}
    write_shards(repo, {"model.embed_tokens.weight": (50000, 4096), **names}, 2)
    pickle = root / "acme" / "pickle"
    pickle.mkdir()
    (pickle / "config.json").write_text(json.dumps(CONFIG))
    (pickle / "pytorch_model.bin").write_bytes(b"\x80\x04")
    empty = root / "acme" / "empty"
    empty.mkdir()
    tiny = checkpoint("smollm3", root / "acme" / "tiny")
    shard(tiny, 3)
    # What repositories also hold.
    for name in ("consolidated.safetensors", "epoch_1/model.safetensors", "pytorch_model.bin"):
        store(tiny, {"w": torch.zeros(1000)}, name)
    for name in ("README.md", "modeling_smollm3.py", "training_args.bin"):
        (tiny / name).write_text("x")
    shutil.copytree(tiny, root / "acme" / "spoiled")
    spoiled = tensors(root / "acme" / "spoiled", SHARD)
    spoiled["surplus"] = torch.zeros(1)
    store(root / "acme" / "spoiled", spoiled, SHARD)
    with Hub(root) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def environment_of(hub: Hub, home: Path, **environment: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    return {
        **kept,
        "NO_PROXY": "127.0.0.1",
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        **environment,
    }


def ports(
    hub: Hub, home: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return support.ports(*arguments, env=environment_of(hub, home, **environment))


def test_only_headers_travel(hub: Hub, home: Path) -> None:
    hub.sent.clear()
    ran = ports(hub, home, "list-keys", "acme/coder", HF_TOKEN="hf_secret")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert sorted(lines[:-1]) == [
        "model.embed_tokens.weight\t1\t50000×4096\tBF16",
        "model.layers.{0..39}.experts.{0..49}.w\t2000\t1024×1024\tBF16",
    ]
    assert "Bearer hf_secret" in hub.tokens
    weights = {place: n for place, n in hub.sent.items() if place.endswith(".safetensors")}
    assert len(weights) == 2
    assert max(weights.values()) < 500_000


def test_a_repository_is_inspected_and_checked(hub: Hub, home: Path) -> None:
    ran = ports(hub, home, "inspect", "acme/coder", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["model"] == "acme/coder"
    assert found["parameters"] == 50000 * 4096 + 2000 * 1024 * 1024
    assert [check["note"] for check in found["checks"]] == [""] * 3
    ran = ports(hub, home, "check-walls", "acme/coder", "--json")
    assert (ran.returncode, json.loads(ran.stdout)["findings"]) == (0, [])


def test_pickles_are_a_wall(hub: Hub, home: Path) -> None:
    ran = ports(hub, home, "check-walls", "acme/pickle")
    assert ran.returncode == 2
    said = " ".join(ran.stdout.split())
    assert "no *.safetensors and no *.gguf, but 'pytorch_model.bin'" in said
    ran = ports(hub, home, "list-keys", "acme/pickle")
    assert ran.returncode == 2
    assert ran.stderr == (
        "ports: acme/pickle has no *.safetensors; MAX loads no other format from here\n"
    )


@pytest.mark.parametrize("command", ["inspect", "check-walls", "list-keys"])
@pytest.mark.parametrize(
    ("repo", "message"),
    [
        ("acme/gated", "acme/gated is gated: ask for access on its page, and set HF_TOKEN"),
        ("acme/gone", "the Hub has no acme/gone, or it is private and HF_TOKEN does not open it"),
        ("acme/empty", "acme/empty has no config.json; it is no transformers checkpoint"),
        ("acme/..", "acme/.. is neither a directory nor a name of the Hub: "),
    ],
)
def test_a_closed_repository_is_named(
    command: str, repo: str, message: str, hub: Hub, tmp_path: Path
) -> None:
    ran = ports(hub, tmp_path, command, repo)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"ports: {message}")
    assert len(ran.stderr.splitlines()) == 1


def test_offline_the_cache_answers(hub: Hub, home: Path, tmp_path: Path) -> None:
    ports(hub, home, "check-walls", "acme/coder")
    hub.sent.clear()
    ran = ports(hub, home, "check-walls", "acme/coder", HF_HUB_OFFLINE="1")
    # The cache has the config only; that the weights are not there is no wall.
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "acme/coder: no walls\n"
    ran = ports(hub, tmp_path, "check-walls", "acme/coder", HF_HUB_OFFLINE="1")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("ports: acme/coder is not in the Hub's cache, and the Hub cannot")
    assert hub.sent == {}


def test_a_hub_that_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    ran = ports(hub, tmp_path, "inspect", "acme/coder", HF_ENDPOINT="http://127.0.0.1:9")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stderr.startswith("ports: acme/coder is not in the Hub's cache, and the Hub cannot")


LOCATE = """
import sys
from tools.read.preflight import located, preflight
directory = located(sys.argv[1], lambda text: print(text, file=sys.stderr))
preflight(directory)
print(directory)
"""


def located(
    hub: Hub, home: Path, name: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", LOCATE, name],
        capture_output=True,
        text=True,
        env=environment_of(hub, home, **environment),
    )


def test_only_what_is_the_checkpoint_is_downloaded(hub: Hub, tmp_path: Path) -> None:
    hub.sent.clear()
    ran = located(hub, tmp_path, "acme/tiny@main")
    assert ran.returncode == 0, ran.stderr
    snapshot = Path(ran.stdout.strip())
    shards = [f"model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3)]
    assert sorted(p.name for p in snapshot.iterdir()) == sorted(
        [
            *("chat_template.jinja", "config.json", "generation_config.json"),
            *shards,
            *("model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json"),
        ]
    )
    assert ran.stderr.splitlines() == [
        "asking the Hub for acme/tiny@main",
        "checking its headers",
        *(f"downloading {name} ({i} of 3)" for i, name in enumerate(shards, 1)),
    ]
    # A second time nothing travels, and offline neither.
    before = dict(hub.sent)
    assert located(hub, tmp_path, "acme/tiny").stdout == ran.stdout
    weights = [place for place in hub.sent if place.endswith(".safetensors")]
    header = 8 + 100_000
    assert all(hub.sent[place] - before[place] <= header for place in weights)
    again = located(hub, tmp_path, "acme/tiny", HF_HUB_OFFLINE="1")
    assert again.stdout == ran.stdout


def test_a_download_goes_on_where_it_was_cut(hub: Hub, tmp_path: Path) -> None:
    ran = located(hub, tmp_path, "acme/tiny")
    file = Path(ran.stdout.strip()) / SHARD
    whole, blob = file.read_bytes(), file.resolve()
    file.unlink()
    blob.unlink()
    blob.with_name(blob.name + ".incomplete").write_bytes(whole[:1000])
    hub.sent.clear()
    assert located(hub, tmp_path, "acme/tiny").returncode == 0
    assert file.read_bytes() == whole


def test_a_checkpoint_that_will_not_do_is_refused_before_its_weights_travel(
    hub: Hub, tmp_path: Path
) -> None:
    hub.sent.clear()
    ran = ports(hub, tmp_path, "serve", "acme/spoiled", "--port", "0")
    assert ran.returncode == 2
    assert "checkpoint tensor surplus" in ran.stderr.splitlines()[-1]
    sizes = {p.name: p.stat().st_size for p in (hub.root / "acme" / "spoiled").glob("model-*")}
    assert all(
        sent < sizes[Path(place).name]
        for place, sent in hub.sent.items()
        if place.endswith(".safetensors")
    )


def test_a_hub_that_never_answers_is_asked_once(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        env = {
            **os.environ,
            "HF_ENDPOINT": f"http://127.0.0.1:{deaf.getsockname()[1]}",
            "HF_HOME": str(tmp_path),
            "HF_HUB_OFFLINE": "0",
        }
        ran = support.ports("inspect", "some/model", env=env)
        deaf.setblocking(False)
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                deaf.accept()[0].close()
                asked += 1
    assert ran.returncode == 2
    assert ran.stderr.startswith("ports: some/model is not in the Hub's cache, and the Hub cannot")
    # After that the library, which is far more patient, asks its cache only.
    assert asked == 1
