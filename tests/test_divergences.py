# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of divergences: whole, rendered, and true of faults put into the references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from architectures import load_port
from common.declaration import WithConfig, WithModules, WithWeights, Witness
from common.declaration.witnesses import concatenated_qkv, head_dim
from hunt.causes import CAUSES
from hunt.symptoms import SERVED, SYMPTOMS, markdown
from proof.checkpoints import write_checkpoint
from proof.oracle import Oracle
from proof.parity import tokens
from tools.prove.compare import Alignment, Probe, Text, Top

PAGE = Path(__file__).parents[1] / "docs" / "divergences.md"
FIRST, LATER, TEXT = SERVED
WINDOW = 16


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == markdown(), "run python -m hunt.symptoms > docs/divergences.md"


def test_every_cause_is_some_symptoms_and_there_are_no_others() -> None:
    assert {cause for symptom in SYMPTOMS for cause in symptom.causes} == set(CAUSES)
    keys = [symptom.key for symptom in SYMPTOMS]
    assert len(keys) == len(set(keys))
    assert all(len(set(s.causes)) == len(s.causes) > 0 for s in SYMPTOMS)
    assert not set(FIRST.causes) & set(LATER.causes)


def test_what_compare_names_is_in_the_table() -> None:
    def symptom(*right: bool, same: int) -> str | None:
        top, other = Top("a", -1.0), Top("b", -1.0)
        probe = [Probe(i, top, top if ok else other) for i, ok in enumerate(right)]
        return Alignment(tuple(probe), Text("", "", same, 32)).symptom

    named = [symptom(False, True, same=32), symptom(True, False, same=0), symptom(True, same=3)]
    assert named == [FIRST.key, LATER.key, TEXT.key]


def exchange(mlp: Any) -> None:
    mlp.gate_proj, mlp.up_proj = mlp.up_proj, mlp.gate_proj


def unscale(attention: Any) -> None:
    attention.scaling = 1.0


def heads(change: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Changes a projection seen as ``[heads, head_dim, ...]``."""
    return lambda data, config: change(data.unflatten(0, (-1, head_dim(config)))).flatten(0, 1)


def interleaved(heads: Any) -> Any:
    return heads.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


def projections(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}_proj.{kind}" for name in names for kind in ("weight", "bias"))


def rope(theta: float, **more: float) -> WithConfig:
    return WithConfig({"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}})


#: Cause, port, fixture, and the fault in its reference.
FAULTS: list[tuple[str, str, int, Witness]] = [
    ("activation", "smollm3", 1, WithConfig({"hidden_act": "gelu"})),
    ("bias", "smollm3", 1, WithConfig({"attention_bias": False})),
    ("norm-eps", "smollm3", 1, WithConfig({"rms_norm_eps": 0.1})),
    ("norm-kind", "smollm3", 1, WithWeights(("norm.weight",), lambda data, config: data + 1)),
    ("gate-up", "smollm3", 1, WithModules("SmolLM3MLP", exchange)),
    ("head-groups", "smollm3", 1, WithWeights(projections("k", "v"), heads(lambda h: h.flip(0)))),
    ("tied-head", "smollm3", 0, WithConfig({"tie_word_embeddings": False})),
    ("qkv-split", "gpt_neox", 0, WithWeights(("query_key_value.weight",), concatenated_qkv)),
    ("residual-wiring", "gpt_neox", 0, WithConfig({"use_parallel_residual": False})),
    ("logit-scale", "cohere2", 0, WithConfig({"logit_scale": 0.5})),
    ("rope-theta", "smollm3", 1, rope(9.0)),
    ("rope-layers", "smollm3", 1, WithConfig({"no_rope_layers": [1, 1, 1, 1]})),
    ("rope-layout", "smollm3", 1, WithWeights(projections("q", "k"), heads(interleaved))),
    ("rope-partial", "gpt_neox", 0, rope(777.0, partial_rotary_factor=1.0)),
    ("attention-scale", "smollm3", 1, WithModules("SmolLM3Attention", unscale)),
    ("window", "smollm3", 1, WithConfig({"layer_types": ["full_attention"] * 4})),
]


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Returns logits of a port's fixture, with a fault or without."""
    root, whole = tmp_path_factory.mktemp("references"), {}

    def logits(slug: str, number: int, fault: Witness | None = None) -> Any:
        port, directory = load_port(slug), root / f"{slug}-{number}"
        if not directory.exists():
            write_checkpoint(port, port.fixtures[number], directory)
            whole[directory] = logits(slug, number)
        if fault is None and directory in whole:
            return whole[directory]
        return Oracle(directory, witness=fault).logits(tokens(64))

    return logits


@pytest.mark.parametrize(("cause", "slug", "number", "fault"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_fault_shows_at_the_first_token_as_the_table_says(
    cause: str, slug: str, number: int, fault: Witness, references: Callable[..., Any]
) -> None:
    right, wrong = references(slug, number), references(slug, number, fault)
    moved = np.abs(wrong - right).max(-1) / right.std()
    assert moved.max() > 0.05
    assert (moved[0] > 0.01) == (cause in FIRST.causes)
    assert (moved[0] < 1e-4) == (cause in LATER.causes)
    if cause == "window":
        assert (moved[:WINDOW] < 1e-4).all()
        assert moved[WINDOW] > 0.01
