# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The parts of sparse models, traced for both kinds of device; parity is the ports' to show.

Nothing compiles: no GPU is here, and MAX's grouped kernels have no CPU form.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from max.dtype import DType
from max.graph import DeviceRef, Graph, TensorType, TensorValue, Weight, ops
from transformers import AutoConfig

from architectures import load_port
from architectures.mixtral.model_config import MixtralConfig
from common.declaration import PROMPTS
from common.layers import Experts, GatedMLP, MixtureOfExperts, RenormalizedRouter, Router, moe
from proof import checks
from proof.checkpoints import write_checkpoint
from proof.oracle import Oracle

CONFIG = MixtralConfig.from_huggingface(
    AutoConfig.for_model(
        "mixtral",
        hidden_size=64,
        intermediate_size=96,
        num_attention_heads=4,
        num_local_experts=6,
        num_experts_per_tok=2,
    )
)


class BiasedSigmoidRouter(Router):
    """As in DeepSeek-V3 and its kin: a bias decides who is chosen, but not how much they count."""

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__(config, experts=config.num_local_experts, top_k=config.num_experts_per_tok)
        shape = (config.num_local_experts,)
        self.bias = Weight("e_score_correction_bias", DType.float32, shape, config.device)

    def scores(self, logits: TensorValue) -> TensorValue:
        return ops.sigmoid(logits)

    def choose(self, scores: TensorValue) -> tuple[TensorValue, TensorValue]:
        _, experts = super().choose(scores + self.bias)
        return ops.gather_nd(scores, ops.unsqueeze(experts, 2), batch_dims=1), experts

    def weigh(self, chosen: TensorValue) -> TensorValue:
        return chosen / (ops.sum(chosen, axis=-1) + 1e-20) * 2.5


class SharedExpert(MixtureOfExperts):
    """As in Qwen2-MoE: one more expert that every token passes through."""

    def __init__(self, config: MixtralConfig, router: Router, experts: Experts) -> None:
        super().__init__(router=router, experts=experts)
        self.shared_expert = GatedMLP(config)

    def __call__(self, x: TensorValue) -> TensorValue:
        return super().__call__(x) + self.shared_expert(x)


def traced(layer: MixtureOfExperts, config: MixtralConfig) -> tuple[str, list[object]]:
    """Returns the graph of a layer over any number of tokens, and the shape of its output."""
    for name, weight in layer.raw_state_dict().items():
        weight.name = name
    shape: list[object] = []

    def forward(x: TensorValue) -> TensorValue:
        out = layer(x.tensor)
        shape.extend(out.shape)
        return out

    kind = TensorType(config.dtype, ["tokens", config.hidden_size], device=config.device)
    return str(Graph("layer", forward, input_types=[kind])), shape


def experts(config: MixtralConfig) -> Experts:
    return Experts(config, experts=config.num_local_experts, width=config.intermediate_size)


@pytest.mark.parametrize(
    ("device", "architecture", "uses_kernels"),
    [
        (DeviceRef.CPU(), "", False),
        (DeviceRef.GPU(), "sm_80", True),
        (DeviceRef.GPU(), "sm_90a", False),
        (DeviceRef.GPU(), "gfx950", True),
    ],
)
def test_each_device_has_its_path(
    device: DeviceRef, architecture: str, uses_kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moe, "accelerator_architecture_name", lambda: architecture)
    config = replace(CONFIG, dtype=DType.bfloat16, devices=[device])
    router = RenormalizedRouter(
        config, experts=config.num_local_experts, top_k=config.num_experts_per_tok
    )
    graph, shape = traced(MixtureOfExperts(router=router, experts=experts(config)), config)
    assert [str(dim) for dim in shape] == ["tokens", "64"]
    grouped = ("mo.moe.create.indices", "mo.grouped.matmul.ragged", "mo.moe.finalize")
    assert [name in graph for name in grouped] == [uses_kernels] * 3
    # Probabilities are float32, whatever is served.
    assert "reduce.softmax" in graph
    assert "6], f32" in next(line for line in graph.splitlines() if "reduce.softmax" in line)


@pytest.mark.parametrize("device", [DeviceRef.CPU(), DeviceRef.GPU()], ids=["cpu", "gpu"])
def test_other_routers_and_shared_experts_are_small_subclasses(
    device: DeviceRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moe, "accelerator_architecture_name", lambda: "sm_80")
    config = replace(CONFIG, devices=[device])
    layer = SharedExpert(config, BiasedSigmoidRouter(config), experts(config))
    assert {name: [int(dim) for dim in w.shape] for name, w in layer.raw_state_dict().items()} == {
        "gate.weight": [6, 64],
        "gate.e_score_correction_bias": [6],
        "experts.gate_proj.weight": [6, 96, 64],
        "experts.up_proj.weight": [6, 96, 64],
        "experts.down_proj.weight": [6, 64, 96],
        "shared_expert.gate_proj.weight": [96, 64],
        "shared_expert.up_proj.weight": [96, 64],
        "shared_expert.down_proj.weight": [64, 96],
    }
    _, shape = traced(layer, config)
    assert [str(dim) for dim in shape] == ["tokens", "64"]


def test_choices_of_experts_that_could_turn_are_rejected(tmp_path: Path) -> None:
    port = load_port("mixtral")
    fixture = port.fixtures[0]
    drawn = write_checkpoint(replace(port, router=None), fixture, tmp_path / "drawn")
    problems = list(checks.check_oracle(port, fixture, Oracle(drawn)))
    assert len(problems) == len(PROMPTS)
    assert problems[2].startswith("top_2_of_8: after 130 tokens, experts tie by ")
    settled = write_checkpoint(port, fixture, tmp_path / "settled")
    assert list(checks.check_oracle(port, fixture, Oracle(settled))) == []
