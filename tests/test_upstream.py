# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports upstream`: laid over the installed max as if it came with it, a port is what it was."""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import max.pipelines
import pytest
from openai import OpenAI

from architectures import load_port, slugs
from common.errors import PortError
from proof import record as proof
from proof.checkpoints import write_checkpoint
from proof.oracle import Oracle
from tests import support
from tools.__main__ import main
from tools.port.gates import Gate
from tools.read import installed
from tools.run.serving import Server, command, free_port
from tools.upstream import checkout as upstream_checkout
from tools.upstream import export as upstream
from tools.upstream.checkout import REGISTRY, apply, registered, with_entry
from tools.upstream.package import ARCHITECTURES, TEMPLATES, TESTS, Export, RegistryEntry, export
from tools.upstream.prose import neutral, wrapped

INSTALLED = Path(max.pipelines.__file__).parent
RUFF = TEMPLATES / "ruff.toml"
ALLOWED = {"max", "numpy", "transformers"}
#: As in test_serving, so that one compile serves both.
SERVED = ("--max-batch-size", "8")
SLUGS = pytest.mark.parametrize("slug", slugs())

exported = functools.cache(export)


def package(slug: str) -> dict[str, str]:
    """The Python sources of an exported package, by their paths in it."""
    prefix = f"{ARCHITECTURES / slug}/"
    files = exported(slug).files.items()
    return {f.removeprefix(prefix): t for f, t in files if f.startswith(prefix) and f[-3:] == ".py"}


def ports(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return support.ports_here(capsys, "upstream", *arguments)


# What is written.


def test_the_layout_is_upstreams() -> None:
    files = set(exported("smollm3").files)
    for name in ("__init__", "arch", "model", "model_config", "smollm3", "weight_adapters"):
        assert f"{ARCHITECTURES}/smollm3/{name}.py" in files
    assert f"{ARCHITECTURES}/smollm3/layers/attention.py" in files
    assert {f"{folder}/smollm3/BUILD.bazel" for folder in (ARCHITECTURES, TESTS)} <= files
    assert f"{TESTS}/smollm3/test_smollm3.py" in files


@SLUGS
def test_every_source_has_upstreams_licence(slug: str) -> None:
    header = (TEMPLATES / "header.txt").read_text()
    for path, text in exported(slug).files.items():
        assert text.startswith(header) == path.endswith(".py"), path
        assert "MAX Ports" not in text


def imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@SLUGS
def test_it_imports_max_its_own_modules_numpy_and_transformers(slug: str) -> None:
    for path, text in package(slug).items():
        others = {name.split(".")[0] for name in imported(text)} - sys.stdlib_module_names
        assert others <= ALLOWED, path


@SLUGS
def test_nothing_speaks_of_this_repository(slug: str) -> None:
    ours = re.compile(
        rf"\b(common|proof|tools|tests)\.\w|(?<!pipelines\.)architectures\.{slug}|PortError"
    )
    for path, text in exported(slug).files.items():
        assert not ours.search(text), path
        words = (
            [t for t in strings(text) if re.search(r"\b[Pp]orts?\b", t)]
            if path[-3:] == ".py"
            else []
        )
        assert words == [], path


def strings(text: str) -> list[str]:
    constants = (n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


def definitions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
    assert isinstance(tree, ast.Module)
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            yield from (ast.unparse(target) for target in statement.targets)


def called_by_max(name: str, slug: str) -> bool:
    """Whether a method overrides one of MAX's; of the classes that the registry hands it."""
    architecture = load_port(slug).architecture()
    model = architecture.pipeline_model
    classes = {architecture.config, model, model.decoder_cls}
    bases = {base for cls in classes for base in cls.__mro__ if base.__module__.startswith("max.")}
    return any(name in vars(base) for base in bases)


@SLUGS
def test_no_part_of_common_is_there_for_nothing(slug: str) -> None:
    sources = [text for path, text in exported(slug).files.items() if path.endswith(".py")]
    trees = [ast.parse(text) for text in sources]
    mentions = Counter(
        getattr(node, "id", None) or getattr(node, "attr", None)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and not isinstance(getattr(node, "ctx", None), ast.Store)
    )
    own = {f"{name}.py" for name in ("arch", "model", "model_config", slug, "weight_adapters")}
    brought = {
        p: t for p, t in package(slug).items() if p not in own and not p.endswith("__init__.py")
    }
    found = [name for text in brought.values() for name in definitions(ast.parse(text))]
    idle = [
        n
        for n in found
        if not mentions[n] and not n.startswith("__") and not called_by_max(n, slug)
    ]
    assert idle == []
    assert len(found) > 100


@pytest.mark.parametrize(
    ("slug", "there", "not_there"),
    [
        ("smollm3", "PreNormBlock GatedMLP", "ParallelBlock PlainMLP ScaledHead QKNormAttention"),
        ("cohere2", "ParallelBlock ScaledHead GatedMLP", "PlainMLP ParallelTwoNormBlock"),
        ("gpt_neox", "ParallelTwoNormBlock PlainMLP SplitGroupedQKV", "ParallelBlock ScaledHead"),
    ],
)
def test_parts_come_by_name(slug: str, there: str, not_there: str) -> None:
    found = {name for text in package(slug).values() for name in definitions(ast.parse(text))}
    assert set(there.split()) <= found
    assert not set(not_there.split()) & found
    # Classes of the same module, and methods of the same class.
    assert {"fixed_flags", "Stack", "RecordedGraphs", "Record"} & found == set()


@SLUGS
def test_build_files_have_the_dependencies_that_imports_have(slug: str) -> None:
    for folder, sources in (
        (ARCHITECTURES, package(slug)),
        (TESTS, {f: t for f, t in exported(slug).files.items() if f.startswith(f"{TESTS}/")}),
    ):
        names = {n for f, t in sources.items() if f[-3:] == ".py" for n in imported(t)}
        build = exported(slug).files[f"{folder / slug}/BUILD.bazel"]
        labels = set(re.findall(r'"//max/python/([\w/:]+)"', build))
        for name in names:
            if name.startswith("max."):
                path = name.replace(".", "/")
                assert any(f"{path}/".startswith(f"{label}/") for label in labels), name
                # There each architecture is a target of its own.
                match = re.match(r"max/pipelines/architectures/\w+", path)
                assert not match or match[0] in labels, name
        for label in labels - {"max:tree"}:
            module = label.replace("/", ".")
            assert any(f"{name}.".startswith(f"{module}.") for name in names), label
        wanted = set(re.findall(r'requirement\("(\w+)"\)', build))
        assert wanted == names & {"numpy", "tokenizers", "torch", "transformers"} | (
            {"numpy"} if any(n.startswith("numpy") for n in names) else set()
        )
    assert "gpu_constraints" in build
    assert f"shard_count = {len(load_port(slug).fixtures)}" in build


@SLUGS
def test_lint_and_format_are_upstreams(slug: str, tmp_path: Path) -> None:
    upstream_checkout.write(exported(slug).files.items(), tmp_path)
    for check in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *check,
                "--no-cache",
                "--config",
                str(RUFF),
                str(tmp_path),
            ],
            capture_output=True,
            text=True,
            env=dict(os.environ),
        )
        assert ran.returncode == 0, ran.stdout
    for path in tmp_path.rglob("*.py"):
        for line in path.read_text().splitlines():
            assert len(line) <= 80 or '"' in line, f"{path}: {line}"


def test_prose_is_filled_and_sections_are_kept() -> None:
    long = "a sentence that goes on and on until it does not fit into eighty columns any more, says"
    docs = f"Short.\n\n    Args:\n        x: {long} a port.\n        y: Next.\n"
    source = f'def f():\n    """{docs}\n    Returns:\n        {long}.\n    """\n'
    filled = wrapped(neutral(source, ["common"]), 80)
    lines = filled.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "    Returns:" in lines
    assert "        y: Next." in lines
    assert " ".join(filled.split()).endswith(f'Returns: {long}. """')
    assert "says an architecture." in " ".join(filled.split())


# It is the same in every run.


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        subprocess.run(
            [
                *(sys.executable, "-P", "-m", "tools", "upstream", "cohere2", "--draft"),
                *("--out", str(tmp_path / seed)),
            ],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
    trees = [
        {str(f.relative_to(tmp_path / seed)): f.read_bytes() for f in files(tmp_path / seed)}
        for seed in ("1", "2")
    ]
    assert trees[0] == trees[1]
    assert "PULL_REQUEST.md" in trees[0]


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seconds", [1, 4, 7])
def test_a_killed_export_leaves_nothing(
    kind: signal.Signals, seconds: float, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["-P", "-m", "tools", "upstream", "smollm3", "--draft", "--out", str(out)]
    with subprocess.Popen([sys.executable, *arguments], env=dict(os.environ)) as process:
        time.sleep(seconds)
        process.send_signal(kind)
    left = list(tmp_path.iterdir())
    whole = [out] if (out / "PULL_REQUEST.md").exists() else []
    assert left == whole


def test_a_failed_write_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise PortError("no")

    monkeypatch.setattr(upstream, "write", fail)
    with pytest.raises(SystemExit):
        main(["upstream", "smollm3", "--draft", "--out", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails", [False, True])
def test_the_callers_handler_of_an_end_is_there_again(
    fails: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    during = []

    def write(*_: Any) -> None:
        during.append(signal.getsignal(signal.SIGTERM))
        if fails:
            raise PortError("no")

    def mine(*_: Any) -> None:
        pytest.fail("ended")

    monkeypatch.setattr(upstream, "write", write)
    before = signal.signal(signal.SIGTERM, mine)
    try:
        code, *_ = ports(capsys, "smollm3", "--draft", "--out", str(tmp_path / "out"))
        after = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert code == 2 * fails
    assert after is mine
    assert len(during) == 1
    assert during[0] is not mine


# What is refused.


def proven(slug: str) -> dict[str, Any]:
    """A proof that upstream would take."""
    port = load_port(slug)
    shown = {
        "date": "2026-11-21",
        "machine": "x86_64 CPU",
        "positions": 936,
        "max_sigma": 1e-5,
        "kl": 1e-11,
        "cosine": 1e-11,
        "top1": 1.0,
    }
    return {
        "max": importlib.metadata.version("max"),
        "transformers": importlib.metadata.version("transformers"),
        "made_from": {"code": proof.code(slug)},
        "deltas": {delta.name: 1.0 for delta in port.deltas},
        "parity": {"float32": shown, "bfloat16": {**shown, "kl": 2e-5}},
    }


def missing(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    monkeypatch.setattr(proof, "last", lambda slug: proven(slug) | changes)
    return "; ".join(upstream.lacking("smollm3", load_port("smollm3")))


def test_a_proven_port_lacks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(monkeypatch) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"made_from": {"code": "another"}},
            "(other fixtures, other graphs, other ranks, other weights); run ./ports",
        ),
        ({"max": "1.2.3"}, "the proof holds no longer (max was 1.2.3); run ./ports verify smollm3"),
        ({"transformers": "5.0"}, "the proof holds no longer (transformers was 5.0)"),
        ({"parity": {"float32": {}}}, "no evidence in bfloat16; run ./ports verify smollm3"),
        ({"deltas": {"NoPE layers": 0.04}}, "delta 'NoPE layers' has no witness"),
        ({"deltas": {}}, "delta 'tied head' has no witness"),
    ],
)
def test_what_upstream_would_miss_is_listed(
    changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said in missing(monkeypatch, **changes)


def test_a_proof_of_other_fixtures_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    about = {**proof.made_from(load_port("smollm3")), "code": "another"}
    assert missing(monkeypatch, made_from=about) == ""
    said = missing(monkeypatch, made_from={**about, "fixtures": "others"})
    assert said == "the proof holds no longer (other fixtures); run ./ports verify smollm3 --record"


def test_shut_gates_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = [Gate("graph", False, "it cannot be traced"), Gate("walls", True, "")]
    monkeypatch.setattr("tools.port.gates.run", lambda *arguments: tried)
    assert list(upstream._gates("smollm3")) == ["gate 'graph' is shut: it cannot be traced"]
    assert missing(monkeypatch) == "gate 'graph' is shut: it cannot be traced"


def test_what_cannot_be_traced_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.port.gates.run", lambda *arguments: [Gate("graph", False, "no")])
    monkeypatch.setattr(proof, "made_from", lambda port: pytest.fail("it was traced"))
    said = missing(monkeypatch, made_from={"code": "another"})
    assert "the proof holds no longer (other code)" in said
    assert said.endswith("gate 'graph' is shut: no")


def test_an_unready_port_is_exit_code_1_and_a_draft_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "last", lambda slug: proven(slug) | {"parity": {}})
    out = tmp_path / "out"
    code, said, _ = ports(capsys, "smollm3", "--out", str(out))
    assert code == 1
    assert "there is no evidence in bfloat16" in said
    assert list(tmp_path.iterdir()) == []
    code, said, _ = ports(capsys, "smollm3", "--out", str(out), "--json")
    assert code == 1
    assert len(json.loads(said)["missing"]) == 2
    code, said, _ = ports(capsys, "smollm3", "--out", str(out), "--draft", "--json")
    assert code == 0
    assert json.loads(said)["files"] == sorted(str(f.relative_to(out)) for f in files(out))
    assert "there is no evidence in bfloat16" in (out / "PULL_REQUEST.md").read_text()


def test_the_pull_request_says_what_was_shown_and_what_was_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "last", proven)
    assert ports(capsys, "cohere2", "--out", str(tmp_path / "out"))[0] == 0
    text = (tmp_path / "out" / "PULL_REQUEST.md").read_text()
    assert "Draft" not in text
    port = load_port("cohere2")
    for delta in port.deltas:
        shown = upstream._reference(port, delta.reference)
        assert f"| {delta.name} | `{shown}` | 1.0 σ |" in text
    assert "`Cohere2Attention.forward (models/cohere2/modeling_cohere2.py:" in text
    assert "| bfloat16 | x86_64 CPU | 2026-11-21 | 936 | 1e-05 | 2e-05 | 1e-11 | 100.00 % |" in text
    assert "Nothing was run on a GPU" in text
    assert f"./bazelw test //{TESTS}/cohere2:parity_gpu" in text
    assert "CohereLabs/c4ai-command-r7b-12-2024" in text
    line = (tmp_path / "out" / "lazy_arch.txt").read_text()
    assert line == '        _LazyArch("Cohere2ForCausalLM", ".cohere2", "cohere2_arch"),\n'


@SLUGS
def test_references_are_shown_where_they_are(slug: str) -> None:
    port, home = load_port(slug), installed.folder("transformers")
    assert home
    for delta in port.deltas:
        names = [name.rstrip("?") for name in re.split(r"\||, ", delta.reference)]
        for said in upstream._reference(port, delta.reference).split(", "):
            shown = re.fullmatch(r"([\w.]+) \((models/\w+/\w+\.py):(\d+)\)", said)
            assert shown, said
            assert any(fnmatchcase(shown[1], name) for name in names)
            line = (home / shown[2]).read_text().splitlines()[int(shown[3]) - 1]
            name = shown[1].rpartition(".")[2]
            assert re.match(rf"\s*(def |class )?{name}\b", line), said


def test_a_reference_that_is_not_there_is_shown_as_it_is() -> None:
    assert upstream._reference(load_port("phi"), "PhiNorm.forward") == "PhiNorm.forward"


def test_a_class_that_max_has_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = lambda: {"SmolLM3ForCausalLM": "smollm"}  # noqa: E731
    monkeypatch.setattr(upstream.installed, "max_names", names)
    options = ("smollm3", "--out", str(tmp_path / "out"), "--draft")
    code, _, err = ports(capsys, *options)
    assert code == 2
    assert err.splitlines() == [
        "ports: MAX serves SmolLM3ForCausalLM itself, from smollm; --force exports the port"
    ]
    assert ports(capsys, *options, "--force")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("smollm4", "--out", "{}/out"), "no port 'smollm4'"),
        (("smollm3", "--out", "{}"), "exists; give --out a new folder"),
        (("smollm3", "--out", "/proc/no/where", "--draft"), "cannot be made"),
        (("smollm3", "--out", "{}/out", "--against", "{}"), "is no checkout of modular/modular"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = ports(capsys, *(argument.format(tmp_path) for argument in arguments))
    assert code == 2
    assert said in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


# Onto a checkout.


def git(checkout: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", str(checkout), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of modular/modular as an export touches or depends on."""
    root = tmp_path / "modular"
    (root / TESTS).mkdir(parents=True)
    (root / TESTS / "BUILD.bazel").touch()
    (root / ARCHITECTURES).mkdir(parents=True)
    shutil.copy(INSTALLED / "architectures" / "__init__.py", root / REGISTRY)
    for slug in slugs():
        for label in exported(slug).labels:
            folder = root / label.removeprefix("//").partition(":")[0]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "BUILD.bazel").touch()
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all")
    return root


@SLUGS
def test_a_port_applies_onto_a_checkout(slug: str, checkout: Path) -> None:
    before = (checkout / REGISTRY).read_text()
    changed = apply(exported(slug), checkout)
    for path, text in exported(slug).files.items():
        assert (checkout / path).read_text() == text
    assert set(load_port(slug).classes) <= registered(checkout)
    status = git(checkout, "status", "--porcelain", "-uall").splitlines()
    assert sorted(line[3:] for line in status) == [path for path, _ in changed]
    lines = difflib.ndiff(before.splitlines(), (checkout / REGISTRY).read_text().splitlines())
    assert [line for line in lines if line.startswith("- ")] == []
    git(checkout, "add", "-A")
    stat = git(checkout, "diff", "--cached", "--numstat").splitlines()
    assert sorted((f, int(n)) for n, _, f in (line.split("\t") for line in stat)) == changed


def test_the_command_prints_the_diffstat(
    capsys: pytest.CaptureFixture[str], checkout: Path, tmp_path: Path
) -> None:
    options = ("smollm3", "--draft", "--against", str(checkout))
    code, out, _ = ports(capsys, *options, "--out", str(tmp_path / "out"))
    assert code == 0
    assert f" {REGISTRY} | 1 +" in out
    assert re.search(r"^ 33 files changed, \d+ insertions\(\+\)$|^ \d+ files changed", out, re.M)
    code, _, err = ports(capsys, *options, "--out", str(tmp_path / "again"))
    assert code == 2
    assert "registers SmolLM3ForCausalLM already; --force" in err
    code, _, err = ports(capsys, *options, "--out", str(tmp_path / "again"), "--force")
    assert code == 2
    assert f"has {ARCHITECTURES}/smollm3 already; nothing was written" in err
    assert not (tmp_path / "again").exists()


def refusal(checkout: Path) -> str:
    # Git's own files are among them.
    before = {file: file.read_bytes() for file in files(checkout)}
    with pytest.raises(PortError) as refused:
        apply(exported("smollm3"), checkout)
    assert {file: file.read_bytes() for file in files(checkout)} == before
    return str(refused.value)


def test_conflicts_are_refused(checkout: Path, tmp_path: Path) -> None:
    registry = checkout / REGISTRY
    text = registry.read_text()
    registry.write_text(text + "# mine\n")
    assert "has changes that are not committed" in refusal(checkout)
    registry.write_text(text)
    (checkout / TESTS / "smollm3").symlink_to(tmp_path)
    assert f"has {TESTS}/smollm3 already" in refusal(checkout)
    (checkout / TESTS / "smollm3").unlink()
    (checkout / "max/python/max/graph/BUILD.bazel").unlink()
    assert "has no max/python/max/graph/BUILD.bazel" in refusal(checkout)


def test_what_is_no_git_checkout_is_refused(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    assert "is no git checkout" in refusal(checkout)


def test_a_folder_that_leads_out_of_the_checkout_is_refused(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / TESTS)
    (tmp_path / "elsewhere").mkdir()
    (checkout / TESTS).symlink_to(tmp_path / "elsewhere")
    assert "has no folder" in refusal(checkout)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failed_application_leaves_nothing(
    step: int, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def failing(method: Any) -> Any:
        def call(self: Path, target: Path) -> Path:
            nonlocal count
            count += 1
            if count == step:
                raise OSError(28, "No space left on device")
            return method(self, target)

        return call

    monkeypatch.setattr(Path, "rename", failing(Path.rename))
    monkeypatch.setattr(Path, "replace", failing(Path.replace))
    assert "cannot write to" in refusal(checkout)


@pytest.mark.parametrize(
    ("slug", "after", "before"),
    [
        ("cohere2", ".bert", ".deepseekV2"),
        ("gpt_neox", ".glm5_1_modulev3", ".gpt_oss"),
        ("smollm3", ".qwen_image_edit", ".step3p5"),
        ("zzz", ".z_image_modulev3", None),
        ("aaa", None, ".bert"),
    ],
)
def test_the_registry_stays_as_alphabetical_as_it_is(
    slug: str, after: str | None, before: str | None
) -> None:
    registry = (INSTALLED / "architectures" / "__init__.py").read_text()
    changed = with_entry(registry, RegistryEntry("NewForCausalLM", slug, f"{slug}_arch"))
    modules = re.findall(r'_LazyArch\(\s*"\w+",\s*"(\.\w+)"', changed)
    place = modules.index(f".{slug}")
    assert (modules[place - 1] if place else None) == after
    assert (modules[place + 1] if place + 1 < len(modules) else None) == before


@pytest.mark.parametrize("length", [5, 30, 44, 60, 90])
def test_entries_are_formatted_as_upstream_formats_them(length: int) -> None:
    entry = RegistryEntry("N" * length + "ForCausalLM", "slug", "slug_arch")
    registry = (INSTALLED / "architectures" / "__init__.py").read_text()
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--diff",
            "--no-cache",
            "--config",
            str(RUFF),
            "-",
        ],
        input=with_entry(registry, entry),
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert entry.name not in ran.stdout


# As if MAX came with it.


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH in which max.pipelines has the exported ports; tests beside it."""
    root = tmp_path_factory.mktemp("overlay")
    pipelines, own = root / "site/max/pipelines", INSTALLED / "architectures"
    link(INSTALLED.parent, root / "site/max", lambda path: path.suffix == ".py")
    link(INSTALLED, pipelines, lambda path: path.name != "architectures")
    link(own, pipelines / "architectures", lambda path: path.name != "__init__.py")
    registry = (own / "__init__.py").read_text()
    for slug in slugs():
        for entry in exported(slug).entries:
            registry = with_entry(registry, entry)
        lay(exported(slug), root)
    (pipelines / "architectures/__init__.py").write_text(registry)
    return root


def over(site: Path | None) -> dict[str, str]:
    """The environment of a process that finds ``site`` before everything else."""
    path = [str(site)] * bool(site) + [p for p in [os.environ.get("PYTHONPATH")] if p]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def link(real: Path, to: Path, wanted: Any) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for path in real.iterdir():
        if path.name != "__pycache__" and wanted(path):
            (to / path.name).symlink_to(path)


def lay(made: Export, root: Path) -> None:
    for path, text in made.files.items():
        place = path.replace("max/python/", "site/", 1).replace(f"{TESTS}/", "tests/", 1)
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        f"{slug}/{fixture.name}": write_checkpoint(
            load_port(slug), fixture, root / slug / fixture.name
        )
        for slug in slugs()
        for fixture in load_port(slug).fixtures
    }


#: Builds each pipeline up to the compile, and prints digests of what it would compile. A graph says
#: where kernels lie on the machine, which changes nothing.
TRACE = """
import hashlib, json, re, sys
from unittest import mock
import numpy as np
from max.driver import Buffer
from max.dtype import DType
from max.graph import Graph, KernelLibrary
from max.pipelines import AutoModel
import max.pipelines.architectures.llama3.model as llama
from max.pipelines.lib.registry import PIPELINE_REGISTRY as registry

custom = json.loads(sys.argv[1])
if custom:
    from common.pipeline import DecoderModel
    seam = (DecoderModel, "compile")
else:
    seam = (llama, "compile_graphs")

class Traced(Exception):
    pass

def trace(*arguments):
    raise Traced(arguments[-1])

# As proof.kernels has it: each graph would read MAX's kernels anew.
shared, start = KernelLibrary(), Graph.__init__

def started(self, *arguments, **given):
    start(self, *arguments, **{"kernel_library": shared, **given})

Graph.__init__ = started

def digest(weights):
    found = hashlib.sha256()
    for name, value in sorted(weights.items()):
        buffer = Buffer.from_dlpack(value)
        found.update(f"{name} {buffer.dtype} {buffer.shape}".encode())
        found.update(np.ascontiguousarray(buffer.to_numpy()).tobytes())
    return found.hexdigest()

found = {}
for name, path in json.loads(sys.argv[2]).items():
    options = {"custom_architectures": custom} if custom else {}
    try:
        with mock.patch.object(*seam, trace):
            AutoModel(path, devices="cpu", quantization_encoding="float32", max_length=512,
                      max_batch_size=4, enable_echo=True, **options)
    except Traced as traced:
        (spec,) = traced.args[0].values()
        text = re.sub(r"_kernel_library_paths = \\[[^\\]]*\\]", "", repr(spec.trace()))
        found[name] = [text, digest(spec.weights)]
roots = {"architectures", "common", "proof", "tools"}
ours = sorted(m for m in sys.modules if m.split(".")[0] in roots)
served = {name: registry._arch_lookup.resolve(name) for name in json.loads(sys.argv[3])}
print(json.dumps({
    "found": found,
    "ours": ours,
    "served": {name: arch and arch.pipeline_model.__module__ for name, arch in served.items()},
}))
"""


def traced(custom: list[str], checkpoints: dict[str, Path], site: Path | None) -> dict[str, Any]:
    paths = {name: str(path) for name, path in checkpoints.items()}
    classes = [name for slug in slugs() for name in load_port(slug).classes]
    offline = {"HF_HUB_OFFLINE": "1", "MAX_SERVE_DISABLE_TELEMETRY": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", TRACE, *map(json.dumps, (custom, paths, classes))],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=over(site) | offline,
    )
    return json.loads(ran.stdout.splitlines()[-1])


def test_the_graphs_and_weights_are_those_of_the_ports(
    overlay: Path, checkpoints: dict[str, Path]
) -> None:
    """Equal graphs over equal weights compute equal numbers, so parity need not be shown anew."""
    theirs = traced([], checkpoints, overlay / "site")
    assert theirs["ours"] == []
    for slug in slugs():
        for name in load_port(slug).classes:
            assert theirs["served"][name] == f"max.pipelines.architectures.{slug}.model"
    ours = traced(["architectures"], checkpoints, None)
    assert ours["found"].keys() == theirs["found"].keys() == checkpoints.keys()
    for name in checkpoints:
        assert theirs["found"][name] == ours["found"][name], name


#: Prints what modules register, each by the names given.
REGISTERED = """
import dataclasses, importlib, json, sys
plain = lambda value: getattr(value, "__qualname__", str(value))
# A map may be a partial function.
made = lambda map_: (plain(getattr(map_, "func", map_)), getattr(map_, "keywords", {}))
for module, names in json.loads(sys.argv[1]).items():
    arch = importlib.import_module(module + ".arch")
    for name in names:
        found = getattr(arch, name)
        fields = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
        fields["supported_encodings"] = sorted(fields["supported_encodings"])
        adapters = fields["weight_adapters"].items()
        fields["weight_adapters"] = {
            str(k): [type(v).__name__, plain(v.config_cls), *made(v.weight_map)]
            for k, v in adapters
        }
        print(json.dumps({k: plain(v) for k, v in fields.items()}, sort_keys=True))
"""


def test_what_is_registered_is_what_was(overlay: Path) -> None:
    ours, theirs = {}, {}
    for slug in slugs():
        port = load_port(slug)
        ours[f"architectures.{slug}"] = [
            "architecture" if name == port.class_name else name for name in port.classes
        ]
        symbols = [entry.symbol for entry in exported(slug).entries]
        theirs[f"max.pipelines.architectures.{slug}"] = symbols

    def said(modules: dict[str, list[str]], site: Path | None) -> list[str]:
        return subprocess.run(
            [sys.executable, "-c", REGISTERED, json.dumps(modules)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=over(site),
        ).stdout.splitlines()

    here = said(ours, None)
    assert len(here) == sum(map(len, ours.values()))
    for one, other in zip(said(theirs, overlay / "site"), here, strict=True):
        assert one == other


def test_types_hold(overlay: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mypy.ini"
    settings.write_text(
        "[mypy]\npython_version = 3.10\ncheck_untyped_defs = True\ndisallow_untyped_defs = True\n"
        "ignore_missing_imports = True\nnamespace_packages = True\nexplicit_package_bases = True\n"
    )
    folders = [overlay / "site/max/pipelines/architectures" / slug for slug in slugs()]
    tests = [overlay / "tests" / slug for slug in slugs()]
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", str(settings)),
            *("--cache-dir", str(tmp_path / "cache"), *map(str, [*folders, *tests])),
        ],
        cwd=overlay,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": ":".join(map(str, [overlay / "site", *tests]))},
    )
    assert "checked" in ran.stdout, ran.stdout + ran.stderr
    # MAX itself has errors of its own under these settings.
    ours = rf"(architectures|tests)/({'|'.join(slugs())})/.*"
    assert re.findall(ours, ran.stdout) == []


@SLUGS
def test_the_exported_tests_make_the_same_checkpoints(
    slug: str, overlay: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """And pass, as far as nothing compiles."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "accounted"),
            *("--rootdir", str(overlay / "tests"), "--basetemp", str(tmp_path / "base")),
            *("-o", "tmp_path_retention_policy=all", str(overlay / "tests" / slug)),
        ],
        check=True,
        cwd=tmp_path,
        env=over(overlay / "site") | {"HF_HUB_OFFLINE": "1"},
    )
    # Tensors that are kept as released files keep them are not upstream's to test.
    stored = {f"{slug}/{f.name}" for f in load_port(slug).fixtures if f.stored}
    for name, path in checkpoints.items():
        of, _, fixture = name.partition("/")
        if of == slug:
            made = tmp_path / "base" / f"{fixture}0"
            for file in path.iterdir():
                if name in stored and file.suffix == ".safetensors":
                    continue
                assert (made / file.name).read_bytes() == file.read_bytes(), file.name


def test_max_serve_serves_it_without_custom_architectures(
    overlay: Path, checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, tcp_port = checkpoints["smollm3/tied"], free_port()
    arguments = command(directory, port=tcp_port, max_length=512, extra=SERVED)
    place = arguments.index("--custom-architectures")
    del arguments[place : place + 2]
    monkeypatch.setenv("PYTHONPATH", over(overlay / "site")["PYTHONPATH"])
    server = Server(arguments, tcp_port)
    try:
        server.wait(lambda stage: None)
        client = OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        answer = client.completions.create(
            model=str(directory), prompt="The quick brown fox", max_tokens=24, temperature=0
        )
        right = support.finished(continued(directory, "The quick brown fox", 24))
        assert support.finished(answer.choices[0].text) == right != ""
    finally:
        server.stop()


def continued(directory: Path, prompt: str, count: int) -> str:
    """What transformers says next, greedily."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    oracle = Oracle(directory)
    tokens = tokenizer(prompt).input_ids
    for _ in range(count):
        tokens.append(int(oracle.logits(tokens)[-1].argmax()))
    return tokenizer.decode(tokens[-count:], skip_special_tokens=True)
