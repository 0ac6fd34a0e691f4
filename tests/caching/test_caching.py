# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a change costs and what a cache saves: real Bazel runs, read from its execution log.

Not a Bazel target, as it runs Bazel: `.ci/run` calls it after the tests of the first checkout have
filled the disk cache, with their log in EXECUTION_LOG. A second checkout lies elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from architectures import slugs
from common.compiled.target import LANES

ROOT = Path(__file__).resolve().parents[2]
ALL = "//architectures/..."


@dataclass(frozen=True)
class Spawn:
    """One action that Bazel did not find in its output tree."""

    mnemonic: str
    label: str
    cached: bool


def spawns(log: Path) -> list[Spawn]:
    """Reads an execution log."""
    decoder, text, found, at = json.JSONDecoder(), log.read_text(), [], 0
    while at < len(text):
        entry, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())
        found.append(Spawn(entry["mnemonic"], entry["targetLabel"], entry["cacheHit"]))
    return found


@dataclass
class Checkout:
    """A copy of the repository, with a Bazel of its own."""

    root: Path
    scratch: Path

    def bazel(self, command: str, *arguments: str) -> str:
        """Runs Bazel and returns its standard output."""
        done = subprocess.run(
            ["./bazelw", command, *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def run(self, command: str, *arguments: str) -> list[Spawn]:
        """Builds or tests, and returns what that took."""
        log = self.scratch / "execution.json"
        self.bazel(command, f"--execution_log_json_file={log}", *arguments)
        return spawns(log)

    def groups(self, where: str = ALL) -> list[str]:
        """Returns what compiles decoders for a CPU."""
        others = f'filter("_gpu_(graphs|ranks)$|:beside", {where})'
        rules = self.bazel(
            "query",
            f"kind(compiled_graphs, {where}) except {others}",
            "--output=streamed_jsonproto",
        )
        return [json.loads(line)["rule"]["name"] for line in rules.splitlines()]


def compiled(found: list[Spawn]) -> list[Spawn]:
    """Returns the compiles among what was not in the output tree."""
    return [spawn for spawn in found if spawn.mnemonic == "CompileGraphs"]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns an nginx; where there is none, Debian's, unpacked but not installed."""
    found = shutil.which("nginx", path=os.defpath + ":/usr/sbin")
    if found:
        return found
    folder = tmp_path_factory.mktemp("nginx")
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
    subprocess.run(["apt-get", "-qq", "download", "nginx"], cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
    return str(folder / "usr" / "sbin" / "nginx")


@pytest.fixture
def remote(nginx: str, tmp_path: Path) -> Iterator[str]:
    """Yields the option of a remote cache: nginx, as https://bazel.build/remote/caching#nginx."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "blobs").mkdir()
    scratch = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(f"""
        daemon off;
        pid {tmp_path}/pid;
        {"user root;" if os.geteuid() == 0 else ""}
        events {{}}
        http {{
            access_log off;
            {scratch}
            client_max_body_size 0;
            server {{
                listen 127.0.0.1:{port};
                root {tmp_path}/blobs;
                location / {{ dav_methods PUT; create_full_put_path on; }}
            }}
        }}
    """)
    server = subprocess.Popen(
        [nginx, "-c", str(config), "-p", str(tmp_path), "-e", str(tmp_path / "errors")]
    )
    try:
        yield f"--remote_cache=http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("elsewhere") / "checkout"
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    checkout = Checkout(root, tmp_path_factory.mktemp("logs"))
    try:
        yield checkout
    finally:
        checkout.bazel("clean", "--expunge")


@pytest.mark.parametrize("lane", LANES)
def test_a_lane_compiles_every_port_for_its_device(second: Checkout, lane: str) -> None:
    compiles = f'mnemonic("CompileGraphs", {ALL})'
    found = second.bazel("aquery", f"--//bazel:lane={lane}", compiles, "--output=jsonproto")
    ports: dict[str, list[str]] = {"decoders": [], "ranked": []}
    for action in json.loads(found)["actions"]:
        _compiler, what, aim, _out, *traced = action["arguments"]
        assert aim == lane
        if what == "decoders":
            # For a GPU each alone: of three, the kernels take 14 GB.
            assert len(traced) == 1 or LANES[lane].kind == "cpu"
            for folder in traced:
                port, _, kind = Path(folder).name.rpartition("_traced_")
                ports[kind].append(port)
    # Whole, and divided over ranks.
    assert [sorted(found) for found in ports.values()] == [slugs(), slugs()]


def test_each_group_compiles_once_and_then_nothing_runs(tmp_path: Path) -> None:
    first = Checkout(ROOT, tmp_path)
    labels = [spawn.label for spawn in compiled(spawns(Path(os.environ["EXECUTION_LOG"])))]
    assert len(labels) == len(set(labels))
    # Fewer where the run found some in its output tree.
    assert {label for label in labels if "beside" not in label} <= set(first.groups("//..."))
    assert first.run("test", "--config=ci", ALL) == []


def test_another_checkout_takes_all_graphs_from_the_disk_cache(second: Checkout) -> None:
    groups = second.groups("//...")
    found = compiled(second.run("build", "--config=ci", *groups))
    assert sorted(spawn.label for spawn in found) == sorted(groups)
    assert all(spawn.cached for spawn in found)


def edited(second: Checkout, name: str, old: str, new: str) -> None:
    """Edits a source of a checkout, which has the text."""
    file = second.root / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_comment_traces_again_and_compiles_nothing(second: Checkout) -> None:
    (group, *_) = second.groups()
    second.run("build", "--config=ci", group)
    edited(second, "common/layers/mlp.py", '"""Feed-forward parts', '"""Parts')
    found = second.run("build", "--config=ci", group)
    assert any(spawn.mnemonic == "TraceGraphs" and not spawn.cached for spawn in found)
    assert [spawn for spawn in compiled(found) if not spawn.cached] == []


def test_a_remote_cache_serves_a_machine_that_has_none(second: Checkout, remote: str) -> None:
    # A group of one port, which no cache has, since its formula is another: the cheapest.
    for port in (second.root / "architectures").glob("*/deltas.py"):
        if port.parent.name != "gpt_neox":
            shutil.rmtree(port.parent)
    edited(second, "common/layers/mlp.py", "self.act(self.up_proj(x))", "self.up_proj(x) * 2.0")
    (group,) = (label for label in second.groups() if label.endswith("_graphs"))

    found = second.run("build", "--config=remote", remote, group)
    assert compiled(found) == [Spawn("CompileGraphs", group, cached=False)]
    second.bazel("clean")
    found = second.run("build", "--config=remote", remote, group)
    assert compiled(found) == [Spawn("CompileGraphs", group, cached=True)]
