# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every decoder of transformers that MAX lacks: the walls and deltas that a reading of its code
found (data/decoders.json) are those that the commands find in a tiny checkpoint of its class."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.sparse import write_sparse
from tools.read.config_keys import UNKNOWN, meaning
from tools.read.features import FEATURES, YES
from tools.read.inspect import inspected
from tools.read.installed import folder
from tools.read.source import Source, open_source
from tools.read.walls import BLOCKER, found

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "decoders.json").read_text()
)
TINY = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "vocab_size": 512,
}
#: Rows on which the commands and the data differ, and why; at most five.
DISAGREEMENTS = {
    "CTRLLMHeadModel": "its MLP is a function that returns nn.Sequential: biases are not seen",
    "ZambaForCausalLM": "no key of its config says that its attention blocks share their weights",
}
#: What a class needs besides, or instead (None leaves its own default).
ODD: dict[str, dict[str, Any]] = {
    "gpt_neo": {"num_layers": 4, "attention_types": [[["global", "local"], 2]]},
    "mamba2": {"hidden_size": 64, "num_heads": 4, "head_dim": 32, "expand": 2},
    "zamba": {"attention_head_dim": 32, "attention_hidden_size": 128, "num_hidden_layers": None},
    "zamba2": {"attention_head_dim": 32, "attention_hidden_size": 128, "num_hidden_layers": None},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "gemma3n_text": {"num_hidden_layers": None},
    "dbrx": {
        "attn_config": {"rope_theta": 1e4, "kv_n_heads": 2},
        "ffn_config": {"ffn_hidden_size": 64, "hidden_size": 64},
        "d_model": 64,
    },
}


def tiny_config(model_type: str) -> Any:
    from transformers import AutoConfig

    base = AutoConfig.for_model(model_type)
    known = {*base.to_dict(), *base.attribute_map}
    asked = {key: value for key, value in TINY.items() if key in known} | ODD.get(model_type, {})
    if "pad_token_id" in known:
        asked["pad_token_id"] = 0
    return AutoConfig.for_model(
        model_type, **{key: value for key, value in asked.items() if value is not None}
    )


def write(row: dict[str, Any], directory: Path) -> None:
    """config.json of the class, and the header of what its model would save."""
    import torch
    import transformers

    config = tiny_config(row["model_type"])
    config.architectures = [row["class"]]
    directory.mkdir()
    config.save_pretrained(directory)
    with torch.device("meta"):
        model = getattr(transformers, row["class"])(config)
    tied = set(model.all_tied_weights_keys or ())
    tensors = {
        name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name not in tied
    }
    write_sparse(directory / "model.safetensors", tensors)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    root = tmp_path_factory.mktemp("decoders")
    for row in ROWS:
        write(row, root / row["class"])
    return {row["class"]: open_source(str(root / row["class"])) for row in ROWS}


def walls_differ(row: dict[str, Any], source: Source) -> set[str]:
    return {f.name for f in found(source) if f.level == BLOCKER} ^ set(row["walls"])


def deltas_differ(row: dict[str, Any], source: Source) -> set[str]:
    labels = {feature.name for feature in FEATURES}
    found = [each for each in inspected(source).differences or () if each.name in labels]
    missed = set(row["deltas"]) - {each.name for each in found}
    if row["walls"]:
        # Of what is a wall, the data says only what makes it one.
        return missed
    return missed | {each.name for each in found if each.state == YES} - set(row["deltas"])


def test_walls_and_deltas_are_the_datas(sources: dict[str, Source]) -> None:
    assert len(ROWS) == len(sources) == 87
    wrong = {
        row["class"]: differ
        for row in ROWS
        for source in [sources[row["class"]]]
        if (differ := walls_differ(row, source) | deltas_differ(row, source))
    }
    assert set(wrong) == set(DISAGREEMENTS), wrong
    assert len(DISAGREEMENTS) <= 5


def test_every_feature_is_some_decoders() -> None:
    looked_for = {feature.name for feature in FEATURES}
    assert {name for row in ROWS for name in row["deltas"]} == looked_for - {"attention sinks"}


def test_every_size_agrees_with_the_headers(sources: dict[str, Source]) -> None:
    notes = {
        name: sorted({check.key for check in inspected(source).checks if check.note})
        for name, source in sources.items()
    }
    assert {name: found for name, found in notes.items() if found} == {
        # The gate of attention's output is in q_proj.
        "Qwen3NextForCausalLM": ["head_dim × heads"],
        "Qwen3_5MoeForCausalLM": ["head_dim × heads"],
        # Decoders in decoders, which walls keep out.
        "BltForCausalLM": ["vocab_size"],
        "HrmTextForCausalLM": ["num_hidden_layers"],
    }


def test_every_key_is_known(sources: dict[str, Source]) -> None:
    keys = {key for source in sources.values() for key in source.config}
    assert {key for key in keys if meaning(key) is UNKNOWN} == set()
    assert len(keys) > 300


def test_every_delta_is_where_the_reference_says(sources: dict[str, Source]) -> None:
    inspection = inspected(sources["Starcoder2ForCausalLM"])
    assert inspection.reference == "transformers/models/starcoder2/modeling_starcoder2.py"
    home = folder("transformers")
    assert home
    lines = (home.parent / inspection.reference).read_text().splitlines()
    found = {
        d.name: lines[int(d.where.split(":")[1]) - 1].strip() for d in inspection.differences or ()
    }
    assert "nn.LayerNorm(" in found["LayerNorm"]
    assert "_proj = nn.Linear(" in found["QKV bias"]
    assert "_tied_weights_keys" in found["tied head"]
    assert [d.name for d in inspection.donors[:1]] == ["MistralForCausalLM"]
