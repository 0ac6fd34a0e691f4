# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports scaffold`: a folder that imports and builds, says what it is not, or nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from architectures import load_port, slugs
from common.declaration import GGUF, Unimplemented
from common.errors import PortError
from proof.checks import check_delta
from tests.support import STARCODER2, ports, without, write_config
from tools.port.audit import report
from tools.port.donor import donor_of
from tools.port.package import open_package
from tools.port.scaffold import blueprint, files, literal, wrapped, write
from tools.read.source import open_source
from tools.terminal.files import ruff

pytestmark = pytest.mark.usefixtures("no_starcoder2")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_config(tmp_path / "model", STARCODER2)


PARTS = {
    *("BUILD.bazel", "__init__.py", "arch.py", "deltas.py", "model.py", "model_config.py"),
    "weight_adapters.py",
}


def lint(*arguments: str, **options: Any) -> None:
    config = str(Path(__file__).parents[1] / "pyproject.toml")
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--config", config],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        **options,
    )
    assert ran.returncode == 0, ran.stdout


#: All but the one that these tests take for unported.
DONORS = [slug for slug in slugs() if slug != "starcoder2"]


@pytest.mark.parametrize("donor", ["LlamaForCausalLM", *DONORS])
def test_gguf_is_declared_as_its_weight_map_is_copied(donor: str, model: Path) -> None:
    text = files(blueprint(open_source(str(model)), donor_of(donor), None))["deltas.py"]
    made: dict[str, Any] = {}
    exec(text, made)
    declared = load_port(donor).gguf if donor in DONORS else GGUF()
    assert made["PORT"].gguf.moved.keys() == declared.moved.keys()
    assert made["PORT"].gguf.atol == declared.atol
    assert (made["PORT"].gguf.arch, made["PORT"].gguf.cannot_hold) == (None, ())


@pytest.mark.parametrize("donor", ["LlamaForCausalLM", "gpt_neox"])
def test_a_scaffold_builds_and_claims_nothing(donor: str, model: Path, tmp_path: Path) -> None:
    slug = f"made_from_{donor.lower()}"
    options = ("--start-from", donor, "--output-dir", ".", "--slug", slug)
    ran = ports("scaffold", str(model), *options, "--json", cwd=tmp_path, hidden=["starcoder2"])
    assert ran.returncode == 0, ran.stderr
    made = json.loads(ran.stdout)
    folder = tmp_path / slug
    assert set(made["files"]) == {path.name for path in folder.iterdir()} == PARTS | {f"{slug}.py"}
    assert sorted(p.name for p in tmp_path.iterdir()) == [slug, "model"]
    for tool in (["check"], ["format", "--check"]):
        lint(*tool, str(folder))
    package = open_package(str(folder))
    found = report(package)
    assert found["holds"], found
    deltas = {delta.name: delta for delta in package.port.deltas}
    assert list(deltas) == [delta["name"] for delta in made["deltas"]]
    assert "LayerNorm" in deltas or donor == "gpt_neox"
    assert any("Starcoder2Attention" in delta.reference for delta in deltas.values())
    assert ("from gpt_neox: sequential residual" in deltas) == (donor == "gpt_neox")
    for delta in deltas.values():
        assert isinstance(delta.witness, Unimplemented)
    assert not any("gpt_neox" in path.read_text() for path in folder.glob("weight*.py"))


def test_the_router_is_the_models_own(tmp_path: Path) -> None:
    olmoe = {"architectures": ["OlmoeForCausalLM"], "model_type": "olmoe"}
    source = open_source(str(write_config(tmp_path / "olmoe", olmoe)))
    made = files(blueprint(source, donor_of("mixtral"), None))["deltas.py"]
    assert 'router="OlmoeTopKRouter"' in made
    assert "router=" not in files(blueprint(source, donor_of("smollm3"), None))["deltas.py"]


def test_a_squared_relu_can_be_scaffolded(tmp_path: Path) -> None:
    nemotron = {"architectures": ["NemotronForCausalLM"], "model_type": "nemotron"}
    source = open_source(str(write_config(tmp_path / "nemotron", nemotron)))
    plan = blueprint(source, donor_of("LlamaForCausalLM"), "squared")
    assert write(plan, tmp_path).is_dir()


def test_a_delta_without_a_witness_fails_by_name(tmp_path: Path) -> None:
    from architectures import load_port
    from common.declaration import Delta
    from proof.checkpoints import write_checkpoint
    from proof.oracle import Oracle

    port = load_port("smollm3")
    path = write_checkpoint(port, port.fixtures[0], tmp_path / "tied")
    delta = Delta("thinking", "SmolLM3Model.forward", Unimplemented("think"))
    with pytest.raises(PortError, match="not implemented: think"):
        check_delta(delta, [Oracle(path)])


REFUSED = {
    "no folder": ({}, {"output_dir": "gone"}, "gone is no folder; make it first"),
    "there already": ({}, {"slug": "taken"}, "taken exists; nothing is overwritten"),
    "a path": ({}, {"slug": "../up"}, "slug '../up' is no name of a folder of Python"),
    "a keyword": ({}, {"slug": "class"}, "slug 'class' is no name"),
    "a library": ({}, {"slug": "numpy"}, "slug 'numpy' is the name of another Python package"),
    "the standard library": ({}, {"slug": "json"}, "slug 'json' is the name of another Python"),
    "no model_type": ({"model_type": ...}, {}, "names no model_type"),
    "model_type a path": (
        {"model_type": "../../llama"},
        {},
        "transformers has no causal language model of type '../../llama'",
    ),
    "remote code": (
        {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil"}},
        {},
        "its code comes with the checkpoint (auto_map) and is not run",
    ),
    "no class": ({"architectures": "x"}, {}, "names no class such as Starcoder2ForCausalLM"),
    "class with code": (
        {"architectures": ['A")\nimport os#ForCausalLM']},
        {},
        "names no class such as Starcoder2ForCausalLM",
    ),
    "MAX has it": ({"architectures": ["LlamaForCausalLM"]}, {}, "MAX serves LlamaForCausalLM"),
    "a port has it": (
        {"architectures": ["SmolLM3ForCausalLM"]},
        {},
        "SmolLM3ForCausalLM has a port: architectures/smollm3",
    ),
    "no such donor": ({}, {"donor": "lama3"}, "no donor 'lama3'"),
    "a donor that cannot": ({}, {"donor": "cohere2"}, "cohere2 cannot carry this config"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_scaffolded_leaves_nothing(case: str, tmp_path: Path) -> None:
    config, options, message = REFUSED[case]
    source = open_source(str(write_config(tmp_path / "model", STARCODER2 | config)))
    (tmp_path / "out" / "taken").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / options.get("output_dir", "out")

    def attempt() -> None:
        donor = donor_of(options.get("donor", "LlamaForCausalLM"))
        write(blueprint(source, donor, options.get("slug")), out)

    with pytest.raises(PortError) as refused:
        attempt()
    assert message in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_is_not_written_through(model: Path, tmp_path: Path) -> None:
    (tmp_path / "starcoder2").symlink_to(tmp_path / "nowhere")
    plan = blueprint(open_source(str(model)), donor_of("LlamaForCausalLM"), None)
    with pytest.raises(PortError, match="starcoder2 exists; nothing is overwritten"):
        write(plan, tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(
    config=st.fixed_dictionaries(
        {},
        optional={
            "model_type": st.sampled_from(["starcoder2", "gpt2", "bloom", "mixtral"]) | JSON,
            "architectures": st.lists(
                st.sampled_from(["Starcoder2ForCausalLM", "AForCausalLM"]) | JSON, max_size=2
            )
            | JSON,
            "auto_map": JSON,
            "norm_epsilon": JSON,
            'x"""\nimport os': JSON,
        },
    ),
    slug=st.none() | st.sampled_from(["fine", "a b", "../x", "/x", "", "é", "__init__"]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_config_breaks_it(
    config: dict[str, Any], slug: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import ast

    directory = tmp_path_factory.getbasetemp() / "hostile"
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    for donor in ("LlamaForCausalLM", "gpt_neox"):
        try:
            made = files(blueprint(open_source(str(directory)), donor_of(donor), slug))
        except PortError:
            continue
        for name, text in made.items():
            assert "/" not in name
            if name.endswith(".py"):
                nodes = list(ast.walk(ast.parse(text)))
                # All imports of a port are of common's and its own names.
                assert not [node for node in nodes if isinstance(node, ast.Import)]


def test_strings_are_written_as_the_formatter_has_them() -> None:
    assert literal('a "b"\n') == '"a \\"b\\"\\n"'
    assert wrapped("short") == '"short"'
    long = wrapped("word " * 40)
    assert eval(long) == "word " * 40
    made = ruff("format", "--line-length", "100", source=f"call(\n    {long},\n)\n")
    assert max(map(len, made.splitlines())) <= 100


def test_planning_imports_neither_max_nor_torch(model: Path) -> None:
    code = f"""
import sys
from tools.port.donor import donor_of
from tools.port.scaffold import blueprint, files
from tools.read.source import open_source
from tools.terminal.files import ruff
files(blueprint(open_source({str(model)!r}), donor_of("gpt_neox"), None))
assert not sys.modules.keys() & {{"max", "torch", "transformers"}}
"""
    subprocess.run(without("starcoder2", then=code), check=True, env=dict(os.environ))
