# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Config reading: rope frequencies against transformers, key accounting, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from max.pipelines.lib import MAXModelConfig
from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from architectures.cohere2.model_config import Cohere2Config
from architectures.gpt2.model_config import GPT2Config
from architectures.smollm3.model_config import SmolLM3Config
from common.config import ConfigKeys, RopeParameters
from common.errors import PortError

SCALINGS: dict[str, dict[str, Any]] = {
    "linear": {"factor": 4.0},
    "llama3": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 512,
    },
    "yarn": {"factor": 4.0, "original_max_position_embeddings": 512},
    "yarn mscale": {
        "factor": 4.0,
        "original_max_position_embeddings": 512,
        "beta_fast": 16.0,
        "beta_slow": 2.0,
        "mscale": 0.7,
        "mscale_all_dim": 0.5,
        "truncate": False,
    },
    "dynamic": {"factor": 3.0},
    "longrope": {
        "original_max_position_embeddings": 512,
        "short_factor": [1.0 + i / 100 for i in range(64)],
        "long_factor": [2.0] * 64,
    },
    "longrope attention": {
        "original_max_position_embeddings": 512,
        "attention_factor": 1.25,
        "short_factor": [1.5] * 64,
        "long_factor": [2.0] * 64,
    },
    "proportional": {"partial_rotary_factor": 0.5, "factor": 2.0},
}


@pytest.mark.parametrize("name", SCALINGS)
@settings(max_examples=25, deadline=None)
@given(theta=st.floats(100.0, 1e7), head_dim=st.sampled_from([32, 64, 80, 128]))
def test_scaled_frequencies_are_those_of_transformers(
    name: str, theta: float, head_dim: int
) -> None:
    rope = {"rope_type": name.split()[0], "rope_theta": theta, **SCALINGS[name]}
    rope |= {key: value[: head_dim // 2] for key, value in rope.items() if isinstance(value, list)}
    config = AutoConfig.for_model(
        "llama", head_dim=head_dim, max_position_embeddings=2048, rope_parameters=rope
    )
    expected, factor = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config, "cpu")
    ours = RopeParameters.read(
        config.rope_parameters, head_dim=head_dim, max_position_embeddings=2048
    )
    found, found_factor = ours.frequencies()
    # The reference computes in float32, we round once: an ulp or two apart.
    np.testing.assert_allclose(found, expected.numpy(), rtol=2e-6)
    assert found_factor == pytest.approx(factor)


@given(factor=st.sampled_from([0.25, 0.5, 1.0]))
def test_pass_through_pairs_do_not_rotate(factor: float) -> None:
    rope = RopeParameters.read(
        {"rope_theta": 777.0, "partial_rotary_factor": factor},
        head_dim=64,
        max_position_embeddings=512,
    )
    found, _ = rope.frequencies()
    rotating = int(32 * factor)
    assert found.shape == (32,)
    assert (found[:rotating] > 0).all()
    assert (found[rotating:] == 0).all()
    np.testing.assert_allclose(
        found[:rotating], 777.0 ** (-np.arange(rotating) / rotating), rtol=1e-6
    )


@pytest.mark.parametrize("factor", [3 / 64, 1 / 64, 1.5, -0.5])
def test_columns_that_make_no_pairs_are_refused(factor: float) -> None:
    with pytest.raises(PortError, match=r"of a head's 64 columns rotate by config.json .*pairs"):
        RopeParameters.read(
            {"rope_theta": 777.0, "partial_rotary_factor": factor},
            head_dim=64,
            max_position_embeddings=512,
        )


def test_a_value_as_long_as_a_file_is_cut() -> None:
    long = {"rope_type": "default", "rope_theta": "x" * 5000}
    config = AutoConfig.for_model("smollm3")
    config.rope_parameters = long
    with pytest.raises(PortError, match=r"^config\.json has rope_parameters = ") as refused:
        SmolLM3Config.from_huggingface(config)
    assert len(str(refused.value)) < 600


def test_a_head_that_leaves_half_a_pair_is_refused() -> None:
    with pytest.raises(PortError, match="32 of a head's 33 columns rotate"):
        RopeParameters.read(
            {"rope_theta": 777.0, "partial_rotary_factor": 0.97},
            head_dim=33,
            max_position_embeddings=512,
        )


LENGTHS = {"dynamic": ({"factor": 2.0}, 2048), "longrope": (SCALINGS["longrope"], 512)}


@pytest.mark.parametrize("rope_type", LENGTHS)
def test_frequencies_that_follow_the_length_are_served_as_long_as_they_do_not(
    rope_type: str,
) -> None:
    scaling, most = LENGTHS[rope_type]
    config = AutoConfig.for_model(
        "smollm3",
        head_dim=128,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": rope_type, "rope_theta": 1e4, **scaling},
    )
    ours = SmolLM3Config.from_huggingface(config)
    assert ours.beyond(most, config) is None
    with pytest.raises(PortError, match=f"longer than {most} tokens.* --max-length {most} or less"):
        ours.beyond(most + 1, config)


def test_an_unsupported_rope_type_is_refused_by_name() -> None:
    rope = {"rope_type": "spiral", "rope_theta": 1e4}
    with pytest.raises(PortError, match=r"'spiral'.*supported: default, dynamic, linear, llama3"):
        RopeParameters.read(rope, head_dim=64, max_position_embeddings=512)


def test_rope_by_kind_of_layer_is_refused() -> None:
    rope = {"full_attention": {"rope_theta": 1e4}, "sliding_attention": {"rope_theta": 1e3}}
    with pytest.raises(PortError, match="differ by kind of layer"):
        RopeParameters.read(rope, head_dim=64, max_position_embeddings=512)


def test_a_new_key_is_named() -> None:
    config = AutoConfig.for_model("smollm3", attention_sinks=4)
    raw = {"attention_sinks": 4, "hidden_size": 2048}
    assert SmolLM3Config.unaccounted(config, raw) == ["attention_sinks"]
    assert SmolLM3Config.unaccounted(AutoConfig.for_model("smollm3"), {}) == []


def test_either_spelling_of_an_attribute_is_accounted_for() -> None:
    raw = {"n_embd": 64, "hidden_size": 64, "n_head": 4, "n_positions": 128, "n_widgets": 1}
    config = AutoConfig.for_model("gpt2", **raw)
    assert GPT2Config.unaccounted(config, raw) == ["n_widgets"]
    assert GPT2Config.from_huggingface(config).intermediate_size == 256


def test_nothing_longer_than_the_positions_is_served() -> None:
    config = AutoConfig.for_model("gpt2", n_positions=128)

    def longest(asked: int | None) -> int:
        return GPT2Config.calculate_max_seq_len(config, MAXModelConfig(max_length=asked))

    assert [longest(None), longest(64), longest(128)] == [128, 64, 128]
    with pytest.raises(PortError, match="--max-length 129 is more than the 128 positions"):
        longest(129)


def test_a_missing_key_is_named_with_near_ones() -> None:
    config = AutoConfig.for_model("llama", num_hidden_layers=1, layer_types=["full_attention"])
    with pytest.raises(PortError, match=r"no 'layer_norm_eps' \(nearest: .*rms_norm_eps"):
        Cohere2Config.from_huggingface(config)


def test_a_field_is_the_key_of_its_name() -> None:
    config = AutoConfig.for_model("cohere2", logit_scale=0.5)
    assert Cohere2Config.from_huggingface(config).logit_scale == 0.5
    other = AutoConfig.for_model("smollm3", layer_norm_eps=1e-5)
    with pytest.raises(PortError, match="smollm3 model has no 'logit_scale'"):
        Cohere2Config.from_huggingface(other)


def test_a_branch_that_the_port_lacks_is_refused() -> None:
    config = AutoConfig.for_model("cohere2", use_qk_norm=True)
    with pytest.raises(PortError, match="use_qk_norm = True; this port supports only False"):
        Cohere2Config.from_huggingface(config)


def test_a_quantised_checkpoint_is_refused() -> None:
    config = AutoConfig.for_model(
        "smollm3", quantization_config={"quant_method": "gptq", "bits": 4}
    )
    with pytest.raises(PortError, match=r"quantised \(gptq\)"):
        SmolLM3Config.from_huggingface(config)


def test_a_key_that_a_config_has_not_may_have_a_fixed_value() -> None:
    config = AutoConfig.for_model("starcoder2", tie_word_embeddings=True)
    absent = {"attention_bias": False, "tie_word_embeddings": False}
    keys = ConfigKeys(config, absent)
    assert keys["attention_bias"] is keys.get("attention_bias") is False
    # What the config says goes before.
    assert keys["tie_word_embeddings"] is keys.get("tie_word_embeddings") is True
    with pytest.raises(PortError, match="has no 'attention_bias'"):
        ConfigKeys(config)["attention_bias"]
