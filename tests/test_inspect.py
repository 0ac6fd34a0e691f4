# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports inspect`: keys, guard, sizes, fit and donors, without importing MAX or transformers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from common.config.keys import IGNORED
from common.errors import PortError
from tests.sparse import write_shards, write_sparse
from tests.support import ports_here, without
from tools.read.config_keys import DELTA, IGNORABLE, KEYS, MACRO, UNKNOWN, meaning
from tools.read.fit import GIB, GPUS, fit
from tools.read.inspect import Inspection, inspected
from tools.read.source import open_source

pytestmark = pytest.mark.usefixtures("no_starcoder2")

CONFIG: dict[str, Any] = {
    "architectures": ["Starcoder2ForCausalLM"],
    "model_type": "starcoder2",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 100,
    "use_bias": True,
    "sliding_window": None,
    "novelty": 3,
}
TENSORS: dict[str, tuple[int, ...]] = {
    "model.embed_tokens.weight": (100, 64),
    **{f"model.layers.{i}.self_attn.q_proj.weight": (64, 64) for i in range(2)},
    **{f"model.layers.{i}.self_attn.k_proj.weight": (32, 64) for i in range(2)},
}
SCHEMA = {
    "model": str,
    "class_name": str,
    "model_type": str,
    "served": type(None),
    "refused": type(None),
    "reference": str,
    "rows": list,
    "dtype": str,
    "parameters": int,
    "stored": int,
    "weights": type(None),
    "fit": dict,
    "differences": list,
    "donors": list,
    "checks": list,
}


def write(directory: Path, tensors: dict[str, tuple[int, ...]] = TENSORS, **changes: Any) -> str:
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(CONFIG | changes))
    if tensors:
        write_sparse(directory / "model.safetensors", tensors)
    return str(directory)


def look(
    directory: Path, tensors: dict[str, tuple[int, ...]] = TENSORS, **changes: Any
) -> Inspection:
    return inspected(open_source(write(directory, tensors, **changes)))


def test_every_key_has_its_kind(tmp_path: Path) -> None:
    rows = {row.key: row for row in look(tmp_path, vision_config={"depth": 2}).rows}
    assert list(rows) == [*CONFIG, "vision_config"]
    assert (rows["hidden_size"].kind, rows["hidden_size"].off) == ("direct dimension", False)
    assert (rows["use_bias"].kind, rows["use_bias"].off) == (DELTA, False)
    assert (rows["sliding_window"].kind, rows["sliding_window"].off) == (DELTA, True)
    assert (rows["novelty"].kind, rows["novelty"].known) == (DELTA, False)
    assert rows["vision_config"].kind == MACRO
    assert rows["model_type"].kind == IGNORABLE


def test_what_ports_ignore_is_ignorable() -> None:
    kinds = {key: meaning(key).kind for key in IGNORED}
    # A model that sets it is another kind of model.
    assert kinds.pop("is_encoder_decoder") == MACRO
    assert set(kinds.values()) == {IGNORABLE}


def test_no_pattern_is_in_the_shade_of_another() -> None:
    for row in KEYS:
        for pattern in row.patterns:
            literal = pattern.replace("*", "").replace("?", "b")
            if "*" not in pattern and "?" not in pattern:
                assert meaning(literal) is row, literal
    assert meaning("novelty") is UNKNOWN


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("LlamaForCausalLM", ("llama3", "max")),
        ("SmolLM3ForCausalLM", ("smollm3", "ports")),
        ("Starcoder3ForCausalLM", None),
    ],
)
def test_what_is_served_already_is_said(
    name: str,
    served: tuple[str, str] | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert look(tmp_path, architectures=[name]).served == served
    _, out, _ = ports_here(capsys, "inspect", str(tmp_path))
    assert ("registered" in out) == bool(served)


def test_sizes_are_checked_against_the_headers(tmp_path: Path) -> None:
    padded = TENSORS | {
        "model.embed_tokens.weight": (128, 64),
        "model.layers.2.mtp.weight": (2,),
        "model.layers.0.self_attn.k_proj.weight": (64, 64),
        "model.layers.0.mlp.experts.7.w1.weight": (2, 2),
    }
    notes = {c.key: c.note for c in look(tmp_path, padded, num_experts=4).checks}
    assert notes == {
        "vocab_size": "padded by 28 rows, which no token reaches",
        "hidden_size": "",
        "head_dim × heads": "",
        "head_dim × key-value heads": "differ: one of the two is wrong",
        "num_hidden_layers": "1 layers more than plain decoding uses, such as MTP",
        "num_experts": "differ: one of the two is wrong",
    }


def test_fused_experts_are_counted(tmp_path: Path) -> None:
    fused = {"model.layers.0.mlp.experts.gate_up_proj": (8, 4, 4)}
    *_, check = look(tmp_path, fused, num_local_experts=4).checks
    assert (check.key, check.config, check.weights) == ("num_experts", 4, 8)


def test_the_arithmetic_of_fit_is_right() -> None:
    # Llama 3.1 8B: 32 layers, 8 key-value heads of 128.
    config = {
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "hidden_size": 4096,
    }
    found = fit(config, 8_030_261_248, gpu="l4", length=131072)
    assert found.weights == 16_060_522_496
    assert found.cache == 131072 * 128 * 1024
    assert (found.usable, found.fits) == (int(24 * GIB * 0.9), False)
    assert fit(config, 8_030_261_248, gpu="L4", length=8192).fits is True
    assert fit(config, 8_030_261_248, gpu="L4", encoding="float32").fits is False
    assert fit(config, 8_030_261_248, gpu="40", length=131072).fits is True
    assert fit({}, 8_030_261_248).fits is None
    assert fit({}, 80_000_000_000).fits is False
    assert fit(config, None).fits is None
    latent = {"num_hidden_layers": 61, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
    assert fit(latent, 1, length=10).cache == 61 * 576 * 10 * 2


@pytest.mark.parametrize("gpu", ["H1000", "", "-1", "0", "nan", "1e99"])
def test_an_unknown_gpu_is_refused(gpu: str) -> None:
    with pytest.raises(PortError, match=r"^no GPU .*--gpu takes its GiB, or one of A10"):
        fit({}, 1, gpu=gpu)
    assert all(fit({}, 1, gpu=name).gpu == name for name in GPUS)


def test_packed_weights_have_no_parameters(tmp_path: Path) -> None:
    packed = look(tmp_path, quantization_config={"quant_method": "fp8"})
    assert (packed.parameters, packed.fit.fits) == (None, None)
    plain = look(tmp_path)
    assert plain.parameters == 100 * 64 + 2 * 64 * 64 + 2 * 32 * 64
    assert plain.stored == 2 * plain.parameters


#: Nemotron-4 340B's sizes, and SmolLM's.
LARGE = {
    **{"hidden_size": 18432, "num_hidden_layers": 96, "num_attention_heads": 96},
    **{"num_key_value_heads": 8, "head_dim": 192, "intermediate_size": 73728},
    "vocab_size": 256000,
}


def test_without_weights_the_sizes_are_counted() -> None:
    large = fit(LARGE, None)
    assert large.fits is False
    assert "by the config's sizes" in " ".join(large.arithmetic)
    assert fit(LARGE | {"num_hidden_layers": 1, "vocab_size": 100}, None).fits is True
    # Near the limit an estimate decides nothing.
    assert fit(LARGE | {"num_hidden_layers": 8, "vocab_size": 100}, None).fits is None
    assert fit({}, None).fits is None


def test_the_parent_that_transformers_names_is_first(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert found.differences is not None
    first, *others = found.donors
    assert (first.slug, first.origin, first.named) == ("mistral", "max", True)
    assert not any(donor.named for donor in others)
    names = {each.name for each in first.differences}
    assert {"LayerNorm", "two-matrix MLP", "MLP bias", "QKV bias"} < names
    work = [d.lines + 5 * (len(d.differences) + len(d.removes)) for d in others]
    assert work == sorted(work)
    assert {"llama3", "qwen2", "olmo"} <= {d.slug for d in found.donors if d.origin == "max"}
    assert "gpt2" in {d.slug for d in found.donors}
    experts = look(tmp_path, architectures=["MixtralForCausalLM"], model_type="mixtral").donors
    by_slug = {donor.slug: donor for donor in experts}
    assert "mixture of experts" in {each.name for each in by_slug["smollm3"].differences}
    assert by_slug["qwen3"].removes == ("QK norm",)


def test_without_a_reference_there_are_no_donors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = look(tmp_path, architectures=["NewForCausalLM"], model_type="new")
    assert (found.reference, found.differences, found.donors) == (None, None, ())
    code, out, _ = ports_here(capsys, "inspect", str(tmp_path))
    assert code == 0
    assert "no reference code" in out


def test_without_weights_the_rest_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ports_here(capsys, "inspect", write(tmp_path, {}))
    assert code == 0
    assert "has no model.safetensors, no model.safetensors.index.json and no *.gguf" in " ".join(
        out.split()
    )
    assert "fits H100" in out
    assert "by the config's sizes" in out


def test_json_has_its_schema_and_goes_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, file = write(tmp_path / "model"), tmp_path / "report.json"
    code, out, _ = ports_here(capsys, "inspect", model, "--json", "--output", str(file))
    found = json.loads(out)
    assert code == 0
    assert {key: type(value) for key, value in found.items()} == SCHEMA
    assert {key for row in found["rows"] for key in row} == {
        *("key", "value", "kind", "destination", "known", "off")
    }
    assert set(found["fit"]) == {
        *("gpu", "memory", "usable", "weights", "cache", "length", "arithmetic", "fits"),
        "devices",
    }
    assert set(found["differences"][0]) == {
        *("name", "part", "state", "references", "where", "hunk"),
    }
    assert set(found["donors"][0]) == {
        *("name", "slug", "origin", "named", "lines", "differences", "removes"),
    }
    assert set(found["checks"][0]) == {"key", "config", "weights", "tensor", "note"}
    assert json.loads(file.read_text()) == found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "report.json"]


@pytest.mark.parametrize("place", ["gone/report.json", "model"])
def test_a_file_that_cannot_be_written_is_named(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, file = write(tmp_path / "model"), tmp_path / place
    before = sorted(tmp_path.rglob("*"))
    code, out, err = ports_here(capsys, "inspect", model, "--output", str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"ports: cannot write {file}: ")
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pipe_gets_whole_lines_and_a_terminal_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "m", **{"[red]\x1b[2J": "[bold]\x1b[2J" * 40})
    _, out, _ = ports_here(capsys, "inspect", "./m")
    assert " as without it: sliding_window\n" in out
    assert "\x1b" not in out
    assert r"[red]\x1b[2J" in out
    (novelty,) = [line for line in out.splitlines() if line.startswith(" novelty  3  ")]
    assert novelty.endswith("a structural delta until the reference shows otherwise")
    assert max(map(len, out.splitlines())) > 100
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, out, _ = ports_here(capsys, "inspect", "./m")
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines()]
    assert max(map(len, shown)) <= 80


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("big")
    write(directory, {}, num_hidden_layers=100, model_type="qwen3_moe")
    names = {
        f"model.layers.{i // 300}.mlp.experts.{i % 300}.up_proj.weight": (768, 2048)
        for i in range(30_000)
    }
    write_shards(directory, names, 1000)
    return str(directory)


RUN = """
import re
from tools.__main__ import main
try:
    main(sys.argv[2:])
finally:
    heavy = [m for m in ("max", "torch", "transformers") if m in sys.modules]
    # Not ru_maxrss, which a child inherits from its parent.
    kilobytes = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
    print(heavy, kilobytes, file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["inspect", "check-walls", "list-keys"])
def test_a_thousand_shards_take_little_and_import_nothing_heavy(command: str, big: str) -> None:
    ran = subprocess.run(
        [*without("starcoder2", then=RUN), command, big],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    heavy, kilobytes = ran.stderr.rsplit(None, 1)
    assert heavy == "[]", ran.stderr
    assert int(kilobytes) < 150 * 1024
    assert ran.returncode in (0, 1)
    assert len(ran.stdout.splitlines()) < 100
