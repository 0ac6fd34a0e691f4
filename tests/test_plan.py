# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports plan`: four axes from facts, and a log that says the same."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from common.checkpoint import Header
from common.errors import PortError
from tests import support
from tests.support import STARCODER2, without, write_config
from tools.port.donor import donor_of
from tools.port.plan import cell, planned, port_log
from tools.read import installed
from tools.read.source import Source

pytestmark = pytest.mark.usefixtures("no_starcoder2")
ports = functools.partial(support.ports, hidden=["starcoder2"])
CONFIG = STARCODER2 | {"residual_dropout": 0.1, "odd|key": "a | b\n# c"}


def source(
    headers: list[Header] | None = None, files: tuple[str, ...] = (), **changes: Any
) -> Source:
    return Source("a/model", CONFIG | changes, files, lambda: headers or [], None)


def axis(plan: Any, name: str) -> Any:
    return next(axis for axis in plan.axes if axis.name == name)


def test_the_command_writes_a_log_and_prints_the_plan(tmp_path: Path) -> None:
    directory = write_config(tmp_path / "model", CONFIG)
    save_file({"w": np.ones((10, 100), np.float32)}, directory / "model.safetensors")
    ran = ports("plan", "./model", "--output", "log.md", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    plan = json.loads(ran.stdout)
    assert set(plan) == {
        *("model", "class_name", "axes", "walls", "donors", "config", "deltas", "start"),
        "paragraph",
    }
    assert [axis["name"] for axis in plan["axes"]] == [
        *("distribution", "quantisation", "validation", "hardware"),
    ]
    assert plan["axes"][0]["facts"] == "1.0 K parameters, 2.0 KiB in bfloat16"
    assert plan["donors"][0] == {
        **{"name": "MistralForCausalLM of MAX", "option": "MistralForCausalLM"},
        **{"differences": 5, "copied": False},
    }
    start = next(donor for donor in plan["donors"] if donor["copied"])
    assert start["differences"] == len(plan["deltas"])
    log = (tmp_path / "log.md").read_text()
    assert (
        "- [ ] LayerNorm (Starcoder2DecoderLayer.\\_\\_init\\_\\_" in log
        or "- [ ] LayerNorm (" in log
    )
    # What a config says cannot break the table it is in.
    (row,) = [line for line in log.splitlines() if "odd" in line and "a \\| b" in line]
    assert row.replace("\\|", "").count("|") == 4
    again = ports("plan", "./model", "--output", "log.md", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "ports: log.md exists; nothing is overwritten\n"
    assert (tmp_path / "log.md").read_text() == log
    said = ports("plan", "./model", cwd=tmp_path).stdout
    assert "starts from the plain decoder" in said
    assert "\x1b" not in said
    command = said.splitlines()[-1]
    assert command.endswith(
        "./ports scaffold ./model --start-from LlamaForCausalLM --output-dir DIR"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.md", "model"]


def test_weights_decide_the_distribution() -> None:
    def headers(count: int) -> list[Header]:
        return [Header("w", (count, 10**9), "BF16", Path("f"))]

    fits = axis(planned(source(headers(30))), "distribution")
    assert fits.default == "one device; the weights fit an 80 GB GPU"
    assert fits.facts == "30.0 B parameters, 55.9 GiB in bfloat16"
    heads = {"hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8}
    large = axis(planned(source(headers(70), **heads)), "distribution")
    # 130 GiB take three; the heads divide over four.
    assert large.default.startswith("4 GPUs, as --device gpu:0,1,2,3")
    none = axis(planned(source()), "distribution")
    assert "no weights here" in none.facts


def test_quantised_checkpoints_wait() -> None:
    by_config = source(quantization_config={"quant_method": "gptq"})
    by_dtype = source([Header("w", (4, 4), "F8_E4M3", Path("f"))])
    for each in (by_config, by_dtype):
        assert "this one waits" in axis(planned(each), "quantisation").default
    plain = source([Header("w", (4, 4), "BF16", Path("f"))])
    assert axis(planned(plain), "quantisation").default == "none; bfloat16 and float32"


def test_a_chat_template_asks_for_a_benchmark() -> None:
    assert "tier 5" in axis(planned(source(files=("chat_template.jinja",))), "validation").default
    assert "tier 5" not in axis(planned(source()), "validation").default


def test_a_wall_is_in_the_paragraph() -> None:
    plan = planned(source(attn_logit_softcapping=30.0))
    assert "attention softcap" in plan.paragraph
    assert "attention softcap" in axis(plan, "hardware").facts
    assert "attention softcap" not in planned(source()).paragraph


@pytest.mark.parametrize("model_type", ["olmoe", "gemma2", "openai-gpt", "nemotron", "arcee"])
def test_every_number_of_differences_is_the_same(model_type: str) -> None:
    classes = [installed.causal_models()[model_type]]
    plan = planned(source(model_type=model_type, architectures=classes))
    assert plan.start.differences == len(plan.deltas)
    assert f"{len(plan.deltas)} difference" in plan.paragraph


def test_a_class_of_a_family_is_a_donor_by_itself() -> None:
    assert donor_of("glm").model_type == "glm"
    assert donor_of("Glm4ForCausalLM").model_type == "glm4"
    assert (donor_of("Glm4ForCausalLM").slug, donor_of("gpt2").model_type) == ("glm", "gpt2")


def test_a_wall_comes_before_the_next_step(tmp_path: Path) -> None:
    write_config(tmp_path / "model", CONFIG | {"attn_logit_softcapping": 30.0})
    lines = ports("plan", "./model", cwd=tmp_path).stdout.splitlines()
    assert any(line.startswith("First, attention softcap has to be lifted, by ") for line in lines)
    assert lines[-1].startswith("Then, if you accept: ./ports scaffold")


def test_keys_go_where_the_donor_takes_them() -> None:
    rows = {row["key"]: row["goes_to"] for row in planned(source()).config}
    assert rows["use_bias"] == rows["sliding_window"] == "a field of the config, or IGNORED"
    assert rows["residual_dropout"] == "the donor reads or ignores it"
    assert rows["attention_bias"] == "REQUIRED: False"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "MAX serves LlamaForCausalLM itself"),
        ({"model_type": 3}, "names no model_type"),
        ({"model_type": "evil", "auto_map": {}}, "no causal language model of type 'evil'"),
    ],
)
def test_what_has_no_plan_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PortError, match=message):
        planned(source(**changes))


def test_a_log_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    write_config(tmp_path / "model", CONFIG)
    ran = ports("plan", "./model", "--output", "gone/log.md", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == "ports: cannot write gone/log.md: No such file or directory\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    config=st.dictionaries(st.text(max_size=10), JSON, max_size=4),
    known=st.fixed_dictionaries(
        {},
        optional={
            "model_type": st.sampled_from(["starcoder2", "gpt2", "bloom", "bamba"]) | JSON,
            "architectures": JSON | st.lists(st.text(max_size=9)),
            "quantization_config": JSON,
            "layer_types": JSON,
            "rope_parameters": JSON,
            "head_dim": JSON,
        },
    ),
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_config_breaks_it(config: dict[str, Any], known: dict[str, Any]) -> None:
    try:
        plan = planned(Source("m", config | known, (), list, None))
    except PortError:
        return
    log = port_log(plan)
    assert log.count("\n## ") == 6


def test_cells_hold_markup_as_text() -> None:
    assert cell("a|b`c\n<i>[x](y)*\\") == "a\\|b\\`c\\\\n\\<i>\\[x](y)\\*\\\\"


def test_it_imports_neither_max_nor_torch(tmp_path: Path) -> None:
    code = f"""
import sys
from tools.port.plan import planned, port_log
from tools.read.source import open_source
port_log(planned(open_source({str(write_config(tmp_path / "model", CONFIG))!r})))
assert not sys.modules.keys() & {{"max", "torch", "transformers"}}
"""
    subprocess.run(without("starcoder2", then=code), check=True, env=dict(os.environ))
