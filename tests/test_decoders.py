# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Every decoder of transformers that MAX lacks: the walls and deltas that a reading of its code
found (data/decoders.json) are those that the commands find in a tiny checkpoint of its class."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from common.testing.sparse import write_sparse
from tools.source import Source, open_source
from tools.walls import BLOCKER, found

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


def test_walls_are_the_catalogs(sources: dict[str, Source]) -> None:
    assert len(ROWS) == 87
    walled = {
        name: [f.name for f in found(source) if f.level == BLOCKER]
        for name, source in sources.items()
    }
    wrong = {
        row["class"]: walled[row["class"]]
        for row in ROWS
        if bool(walled[row["class"]]) != row["walled"]
    }
    assert wrong == {}
