# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules of the divergence hunt, without a compile: transformers with a fault plays the port."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import pytest

from architectures import load_port
from common.declaration import WithConfig, WithModules, WithWeights, Witness
from common.declaration.witnesses import (
    alike,
    among_all,
    concatenated_qkv,
    rms_norm,
    rolled_rows,
    swapped_gate_up,
    transposed,
)
from hunt.causes import CAUSES
from hunt.diagnosis import (
    PLACES,
    ROUNDING,
    RULES,
    Scene,
    diagnose,
    differences,
    first_wrong,
)
from hunt.diagnosis.rotation import rotation
from hunt.diagnosis.rounding import LARGEST
from hunt.divergence import Hunt, check_reference, judged
from hunt.reference_taps import TappedReference
from hunt.subject import Subject
from hunt.symptoms import SYMPTOMS
from proof.checkpoints import write_checkpoint
from proof.parity import tokens
from tests.planted import FAULTS, FIXTURES
from tools.prove.diff import TABLE

TOKENS = tokens(46)
ATTENTION = ("q_proj", "k_proj", "v_proj", "q_rotated", "k_cached", "o_proj.input", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj.input", "down_proj", "gate", "experts")
#: A layer in the order of a port's graph.
LAYER = (
    "input_layernorm",
    *(f"self_attn.{part}" for part in ATTENTION),
    "self_attn",
    "post_attention_layernorm",
    *(f"mlp.{part}" for part in MLP),
    "mlp",
)
NAMES = (
    "embed_tokens",
    *(name for i in range(2) for name in (*(f"layers.{i}.{n}" for n in LAYER), f"layers.{i}")),
    "norm",
    "lm_head",
)


def rope(theta: float, kind: str = "default", **more: float) -> WithConfig:
    return WithConfig({"rope_parameters": {"rope_type": kind, "rope_theta": theta, **more}})


def modules(name: str, **attributes: Any) -> WithModules:
    def change(module: Any) -> None:
        for key, value in attributes.items():
            setattr(module, key, value)

    return WithModules(name, change)


def forward(name: str, function: Callable[..., Any]) -> WithModules:
    def change(module: Any) -> None:
        module.forward = MethodType(function, module)

    return WithModules(name, change)


def weights(*names: str, change: Callable[[Any, Any], Any]) -> WithWeights:
    return WithWeights(names, change)


def plus_one(norm: Any, x: Any) -> Any:
    return (1 + norm.weight) * x * (x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()


def centred(norm: Any, x: Any) -> Any:
    x = x - x.mean(-1, keepdim=True)
    return norm.weight * x * (x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()


def other_half(mlp: Any, x: Any) -> Any:
    return mlp.down_proj(mlp.gate_proj(x) * mlp.act_fn(mlp.up_proj(x)))


def negated_rows(weight: Any, config: Any) -> Any:
    weight = weight.clone()
    weight[5:9] *= -1
    return weight


def interleaved(heads: Any, config: Any) -> Any:
    return heads.unflatten(0, (-1, 2, 16)).transpose(1, 2).flatten(0, 2)


def turned(heads: Any, config: Any) -> Any:
    return heads.unflatten(0, (-1, 32)).flip(0).flatten(0, 1)


S, C, G, E = "smollm3", "cohere2", "gpt_neox", "mixtral"
A, M, N = "layers.0.self_attn", "layers.0.mlp", "layers.0.input_layernorm"
Q, X, X_1 = f"{A}.q_rotated", f"{A}.o_proj.input", "layers.1.self_attn.o_proj.input"
EXPERTS = ("experts.gate_up_proj", "experts.down_proj")
PAIRED = dict(partial_rotary_factor=0.5)

ROUTER, SHARES = "MixtralTopKRouter", f"{M}.gate"

#: Name, port, the first wrong tensor, its cause, and the fault.
CASES: list[tuple[str, str, str, str, Witness]] = [
    ("theta", S, Q, "rope-theta", rope(10000.0)),
    ("shares of all", E, SHARES, "router-norm", WithModules(ROUTER, among_all)),
    ("alike", E, SHARES, "router-scores", WithModules(ROUTER, alike)),
    ("one expert", E, SHARES, "router-scores", WithConfig({"num_experts_per_tok": 1})),
    (
        "experts numbered otherwise",
        E,
        SHARES,
        "expert-order",
        weights("gate.weight", change=rolled_rows),
    ),
    ("order of experts", E, f"{M}.experts", "expert-order", weights(*EXPERTS, change=rolled_rows)),
    ("up gates", E, f"{M}.experts", "gate-up", weights(EXPERTS[0], change=swapped_gate_up)),
    ("theta, partial", G, Q, "rope-theta", rope(500.0, **PAIRED)),
    ("linear scaling", S, Q, "rope-scaling", rope(777.0, "linear", factor=2.0)),
    (
        "yarn",
        S,
        Q,
        "rope-scaling",
        rope(777.0, "yarn", factor=4.0, original_max_position_embeddings=128),
    ),
    (
        "NoPE forgotten",
        S,
        "layers.1.self_attn.q_rotated",
        "rope-layers",
        WithConfig({"no_rope_layers": [1, 1]}),
    ),
    ("NoPE everywhere", S, Q, "rope-layers", WithConfig({"no_rope_layers": [0, 0]})),
    ("fewer columns", G, Q, "rope-partial", rope(777.0, partial_rotary_factor=0.25)),
    ("scores unscaled", S, X, "attention-scale", modules("SmolLM3Attention", scaling=1.0)),
    ("scores scaled", G, X, "attention-scale", modules("GPTNeoXAttention", scaling=1 / 32)),
    ("window short", S, X_1, "window", WithConfig({"sliding_window": 15})),
    ("window long", C, X, "window", WithConfig({"sliding_window": 17})),
    ("no window", S, X_1, "window", WithConfig({"layer_types": ["full_attention"] * 2})),
    ("1 + weight", S, N, "norm-kind", forward("SmolLM3RMSNorm", plus_one)),
    ("centred", S, N, "norm-kind", forward("SmolLM3RMSNorm", centred)),
    ("not centred", C, N, "norm-kind", WithModules("Cohere2LayerNorm", rms_norm)),
    ("epsilon", S, N, "norm-eps", WithConfig({"rms_norm_eps": 1e-6})),
    ("epsilon of LayerNorm", G, N, "norm-eps", WithConfig({"layer_norm_eps": 1e-5})),
    ("bias of a norm", G, N, "bias", weights("layernorm.bias", change=lambda w, config: w * 0)),
    ("GELU", S, f"{M}.down_proj.input", "activation", WithConfig({"hidden_act": "gelu"})),
    ("tanh GELU", G, f"{M}.down_proj.input", "activation", WithConfig({"hidden_act": "gelu_new"})),
    ("other half", S, f"{M}.down_proj.input", "gate-up", forward("SmolLM3MLP", other_half)),
    (
        "sequential",
        G,
        "layers.0.post_attention_layernorm",
        "residual-wiring",
        WithConfig({"use_parallel_residual": False}),
    ),
    ("logit scale", C, "lm_head", "logit-scale", WithConfig({"logit_scale": 1.0})),
    ("attention biases", S, f"{A}.q_proj", "bias", WithConfig({"attention_bias": False})),
    ("MLP biases", S, f"{M}.gate_proj", "bias", WithConfig({"mlp_bias": False})),
    (
        "whole q | k | v",
        G,
        f"{A}.q_proj",
        "qkv-split",
        weights("value.weight", "value.bias", change=concatenated_qkv),
    ),
    ("heads of v", S, f"{A}.v_proj", "head-groups", weights("v_proj.weight", change=turned)),
    ("rows of q", C, f"{A}.q_proj", "rope-layout", weights("q_proj.weight", change=interleaved)),
    (
        "transposed",
        C,
        f"{A}.o_proj",
        "transposed",
        weights("o_proj.weight", change=transposed),
    ),
    (
        "some rows",
        S,
        f"{A}.o_proj",
        "weight-damaged",
        weights("o_proj.weight", change=negated_rows),
    ),
    (
        "other rows",
        C,
        "embed_tokens",
        "vocabulary",
        weights("embed_tokens.weight", change=lambda w, config: w.roll(1, 0)),
    ),
    (
        "embedding scaled",
        C,
        "embed_tokens",
        "embedding-scale",
        weights("embed_tokens.weight", change=lambda w, config: w * 128**0.5),
    ),
]


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        slug: Subject.of(load_port(slug), write_checkpoint(load_port(slug), fixture, root / slug))
        for slug, fixture in FIXTURES.items()
    }


def taps(subject: Subject, witness: Witness | None = None) -> dict[str, Any]:
    reference = TappedReference(subject.directory, subject.weight_map, subject.tensors, witness)
    return {name: tensor.copy() for name, tensor in reference.taps(TOKENS).items()}


@pytest.fixture(scope="module")
def references(subjects: dict[str, Subject]) -> dict[str, dict[str, Any]]:
    return {slug: taps(subject) for slug, subject in subjects.items()}


def hunted(subject: Subject, port: dict[str, Any], reference: dict[str, Any]) -> Hunt:
    ordered = {name: port[name] for name in NAMES if name in port}
    return judged(subject, TOKENS, len(TOKENS), ordered, reference, None, TABLE)


@pytest.mark.parametrize(
    ("name", "slug", "wrong", "cause", "fault"), CASES, ids=[c[0] for c in CASES]
)
def test_a_fault_is_found_and_explained(
    name: str,
    slug: str,
    wrong: str,
    cause: str,
    fault: Witness,
    subjects: dict[str, Subject],
    references: dict[str, dict[str, Any]],
) -> None:
    found = hunted(subjects[slug], taps(subjects[slug], fault), references[slug])
    assert found.first is not None
    assert found.first.name == wrong
    assert found.causes[0].id == cause, found.causes[:3]
    assert found.phase == "prefill"


def test_the_factor_is_estimated_and_named(
    subjects: dict[str, Subject], references: dict[str, dict[str, Any]]
) -> None:
    found = hunted(subjects[C], taps(subjects[C], WithConfig({"logit_scale": 1.0})), references[C])
    assert "4 times the reference's, which is 1 / logit_scale" in found.causes[0].evidence
    other = hunted(subjects[S], taps(subjects[S], rope(5e5)), references[S])
    assert "θ = 777" in other.causes[0].evidence
    assert "θ = 5e+05" in other.causes[0].evidence


def test_nothing_is_wrong_with_the_same_model(
    subjects: dict[str, Subject], references: dict[str, dict[str, Any]]
) -> None:
    for slug, subject in subjects.items():
        found = hunted(subject, taps(subject), references[slug])
        assert found.clean
        assert len(found.prefilled) > 25


def test_values_that_are_no_numbers_are_a_divergence() -> None:
    exact = {"a": np.ones((4, 3), np.float32), "b": np.ones((4, 3), np.float32)}
    broken = {**exact, "b": np.full((4, 3), np.nan, np.float32)}
    found = differences(broken, exact, ROUNDING["float32"])
    first = first_wrong(found)
    assert first is not None
    assert first.name == "b"
    assert first.to_json()["error"] is None


def test_one_wrong_token_is_enough() -> None:
    exact = np.random.default_rng(0).normal(size=(200, 64)).astype(np.float32)
    wrong = exact.copy()
    wrong[17] *= 1.0001
    (found,) = differences({"a": wrong}, {"a": exact}, ROUNDING["float32"])
    assert found.wrong
    assert found.at[0] == 17
    assert [i for i, error in enumerate(found.by_token) if error > found.limit] == [17]


def test_errors_that_grow_as_rounding_does_are_none() -> None:
    rng = np.random.default_rng(3)
    exact = {str(i): rng.normal(size=(20, 64)).astype(np.float32) for i in range(9)}
    noise = {name: rng.normal(size=(20, 64)) * 1e-6 * 1.5 ** int(name) for name in exact}
    port = {name: (exact[name] + noise[name]).astype(np.float32) for name in exact}
    assert first_wrong(differences(port, exact, ROUNDING["float32"])) is None
    port["5"] = (exact["5"] + 20 * noise["5"]).astype(np.float32)
    found = first_wrong(differences(port, exact, ROUNDING["float32"]))
    assert found is not None
    assert found.name == "5"


@pytest.mark.parametrize("pairing", ["halves", "neighbours"])
@pytest.mark.parametrize("columns", [16, 32])
def test_a_rotation_is_read_from_what_it_does(pairing: str, columns: int) -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=(40, 6, 32))
    frequencies = 500.0 ** (-2 * np.arange(columns // 2) / columns)
    angle = np.exp(1j * np.arange(40)[:, None] * frequencies)[:, None]
    after = before.copy()
    if pairing == "halves":
        first, second = slice(0, columns // 2), slice(columns // 2, columns)
    else:
        first, second = slice(0, columns, 2), slice(1, columns, 2)
    turned = (before[..., first] + 1j * before[..., second]) * angle
    after[..., first], after[..., second] = turned.real, turned.imag
    found = rotation(before, after, 1e-6)
    assert found is not None
    assert (found.pairing, found.columns) == (pairing, columns)
    assert found.theta == pytest.approx(500.0, rel=1e-3)


def test_a_reference_that_disagrees_with_itself_is_the_answer(
    subjects: dict[str, Subject],
) -> None:
    subject = subjects[S]

    def problems(witness: Witness) -> list[str]:
        reference = TappedReference(subject.directory, subject.weight_map, subject.tensors, witness)
        return check_reference(reference, TOKENS, subject.port)

    assert problems(WithConfig({})) == []
    (bad,) = problems(weights("layers.1.mlp.up_proj.weight", change=lambda w, config: w * np.nan))
    assert "no numbers, first in layers.1" in bad


def test_a_reference_with_weights_of_its_own_is_the_answer(
    subjects: dict[str, Subject], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    subject = subjects[C]
    for file in subject.directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    reference = TappedReference(tmp_path, subject.weight_map, subject.tensors)
    (problem,) = check_reference(reference, TOKENS, subject.port)
    assert "no tensor for 1 of its weights: model.layers.1.mlp.up_proj.weight" in problem


def test_attention_forms_that_differ_are_the_answer(
    subjects: dict[str, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects[S]
    reference = TappedReference(subject.directory, subject.weight_map, subject.tensors)
    logits = reference.logits
    monkeypatch.setattr(
        reference, "logits", lambda t, kind: logits(t, kind) * (1.01 if kind == "sdpa" else 1)
    )
    (problem,) = check_reference(reference, TOKENS, subject.port)
    assert "between eager and sdpa" in problem


def mixture(
    weights: dict[str, Any], x: Any, *, top: int = 2, normed: bool = True, order: Any = None
) -> Any:
    gate, up, down = (
        weights[f"layers.0.mlp.experts.{p}_proj.weight"] for p in ("gate", "up", "down")
    )
    logits = x @ weights["layers.0.mlp.gate.weight"].T
    scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    scores = np.where(scores >= np.sort(scores, -1)[:, [-top]], scores, 0)
    scores = scores / scores.sum(-1, keepdims=True) if normed else scores
    made = np.zeros_like(x)
    for share, e in zip(scores.T, range(len(gate)) if order is None else order, strict=True):
        inner = x @ gate[e].T
        made += share[:, None] * ((inner / (1 + np.exp(-inner)) * (x @ up[e].T)) @ down[e].T)
    return made


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("router-norm", dict(normed=False)),
        ("router-scores", dict(top=3)),
        ("expert-order", dict(order=[0, 2, 1, 4, 3])),
        ("gate-up", dict(exchange=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_shares_of_experts_are_read_from_their_sum(cause: str, change: dict[str, Any]) -> None:
    rng = np.random.default_rng(2)
    shapes = {"gate": (5, 12, 16), "up": (5, 12, 16), "down": (5, 16, 12)}
    weights = {
        f"layers.0.mlp.experts.{part}_proj.weight": rng.normal(size=shape) / 4
        for part, shape in shapes.items()
    }
    weights["layers.0.mlp.gate.weight"] = rng.normal(size=(5, 16))
    x, wrong = rng.normal(size=(40, 16)), dict(weights)
    if change.pop("exchange", False):
        gate, up = (f"layers.0.mlp.experts.{part}_proj.weight" for part in ("gate", "up"))
        wrong[gate], wrong[up] = wrong[up], wrong[gate]
    reference = {"layers.0.post_attention_layernorm": x, "layers.0.mlp": mixture(weights, x)}
    port = {**reference, "layers.0.mlp": mixture(wrong, x, **change)}
    first = first_wrong(differences(port, reference, ROUNDING["float32"]))
    assert first is not None
    scene = Scene(
        port, reference, first, 40, {}, weights, heads=2, kv_heads=2, head_dim=8, noise=1e-6
    )
    symptoms, causes = diagnose(scene, TABLE)
    assert causes[0].id == cause, causes[:3]
    assert {"some-tokens", "all-experts"} & {*symptoms}


def test_rules_name_causes_that_the_table_has() -> None:
    assert {cause for causes in PLACES.values() for cause in causes} <= set(CAUSES)
    assert {fault.cause for _, fault in FAULTS} <= set(CAUSES)
    assert len(RULES) >= 10
    assert LARGEST < 0.01
    assert set(TABLE) == {symptom.key for symptom in SYMPTOMS}
