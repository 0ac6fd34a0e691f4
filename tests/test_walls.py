# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`ports check-walls`: each wall is found by its sign, and not without it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sparse import write_sparse
from tests.support import hide
from tools.__main__ import main
from tools.read.source import Source
from tools.read.walls import WALLS, found


@pytest.fixture(autouse=True)
def no_mixtral(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class without a port: what a port serves is loaded, to see whether it can be."""
    hide("mixtral", monkeypatch)


PLAIN = {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    # What these say is the default: no sign of anything.
    "attn_logit_softcapping": None,
    "is_encoder_decoder": False,
    "alibi": False,
    "kv_lora_rank": None,
    "num_kv_shared_layers": 0,
    "layer_types": ["full_attention", "sliding_attention"],
    "rope_parameters": {"rope_type": "llama3", "rope_theta": 1e6, "partial_rotary_factor": 1.0},
    "sliding_window": 512,
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
}
#: Wall, and changes to the plain config that show it; the last two are of files.
SIGNS: list[tuple[str, dict[str, Any]]] = [
    ("no reference", {"architectures": ["NewForCausalLM"], "model_type": "new"}),
    ("no reference", {"architectures": ["NewForCausalLM"], "model_type": ["mixtral"]}),
    ("ALiBi", {"alibi": True}),
    ("ALiBi", {"model_type": "bloom"}),
    ("ALiBi", {"attn_config": {"alibi": True}}),
    ("ALiBi", {"position_embedding_type": "alibi"}),
    ("attention softcap", {"attn_logit_softcapping": 50.0}),
    ("recurrent state", {"layer_types": ["full_attention", "mamba"]}),
    ("recurrent state", {"layer_types": None, "layers_block_type": ["recurrent", "attention"]}),
    ("recurrent state", {"layer_types": None, "hybrid_override_pattern": "M-M*-"}),
    ("recurrent state", {"layer_types": None, "linear_num_value_heads": 4}),
    ("latent attention", {"kv_lora_rank": 512, "num_key_value_heads": 4}),
    ("cross-attention", {"is_encoder_decoder": True}),
    ("cross-attention", {"encoder_layers": 2, "decoder_layers": 2}),
    ("no causal decoder", {"architectures": ["MixtralModel"]}),
    ("no causal decoder", {"architectures": ["MixtralForSequenceClassification"]}),
    ("no causal decoder", {"use_bidirectional_attention": True}),
    ("no causal decoder", {"is_causal": False}),
    ("multimodal", {"vision_config": {"depth": 2}}),
    ("multimodal", {"audio_token_index": 9}),
    ("relative position bias", {"relative_attention_num_buckets": 32}),
    ("other attention", {"index_topk": 2048}),
    ("other attention", {"keep_window_size": 2048}),
    ("other attention", {"kv_channels": 128, "num_local_experts": 8}),
    ("layers out of line", {"num_kv_shared_layers": 15}),
    ("layers out of line", {"H_cycles": 2}),
    ("quantised", {"quantization_config": {"quant_method": "bitsandbytes"}}),
    ("quantised", {"quantization_config": "oddly"}),
    ("quantised", {"quantization_config": {"quant_method": ["fp8"]}}),
    ("quantised, per architecture", {"quantization_config": {"quant_method": "fp8"}}),
    ("hub alias", {"architectures": ["MoEMixtralForCausalLM"]}),
    ("uncommon RoPE", {"rope_parameters": {"rope_type": "mrope"}}),
    ("uncommon RoPE", {"rope_scaling": {"type": ["yarn"]}, "rope_parameters": None}),
    ("uncommon RoPE", {"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}),
    ("uncommon RoPE", {"rope_parameters": {"rope_type": "yarn", "mrope_section": [8, 8]}}),
    ("unknown activation", {"hidden_act": "foo"}),
    ("unknown activation", {"hidden_activation": "foo"}),
    ("activation to add", {"hidden_act": "laplace"}),
    ("uncommon heads", {"head_dim": 64}),
    ("uncommon heads", {"num_key_value_heads": 3}),
    ("uncommon heads", {"kv_lora_rank": 512}),
    ("head size not measured", {"head_dim": 48}),
    ("window that is none", {"sliding_window": 0}),
    ("window that is none", {"use_sliding_window": False}),
    ("branch of the class", {"use_qk_norm": True}),
    ("branch of the class", {"do_layer_norm_before": False}),
    ("branch of the class", {"word_embed_proj_dim": 64}),
    ("tensors of extra predictions", {"num_nextn_predict_layers": 1}),
    # In the code of the class only.
    ("attention sinks", {"architectures": ["FlintForCausalLM"], "model_type": "flint"}),
    ("recurrent state", {"architectures": ["ZayaForCausalLM"], "model_type": "zaya"}),
    ("latent attention", {"architectures": ["YoutuForCausalLM"], "model_type": "youtu"}),
    ("layers out of line", {"architectures": ["DoryForCausalLM"], "model_type": "dory"}),
    ("other attention", {"architectures": ["DiffLlamaForCausalLM"], "model_type": "diffllama"}),
    ("relative position bias", {"architectures": ["XLNetLMHeadModel"], "model_type": "xlnet"}),
    (
        "no causal decoder",
        {"architectures": ["BertLMHeadModel"], "model_type": "bert", "is_decoder": False},
    ),
    ("no weights to load", {}),
]
ALSO = {
    # Signs that are more than one wall's.
    "kv_lora_rank": {"latent attention", "uncommon heads"},
    "head_dim": {"uncommon heads", "head size not measured"},
    "architectures": {"no causal decoder", "hub alias"},
}


def source(files: tuple[str, ...] = ("model.safetensors",), **changes: Any) -> Source:
    return Source("plain", PLAIN | changes, files, list, None)


def test_a_plain_decoder_has_none() -> None:
    assert found(source()) == []
    assert found(source(("model.gguf",))) == []


@pytest.mark.parametrize(("wall", "changes"), SIGNS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_sign_shows_its_wall(wall: str, changes: dict[str, Any]) -> None:
    files = ("model.safetensors",) if changes else ("config.json", "pytorch_model.bin")
    names = {finding.name for finding in found(source(files, **changes))}
    assert wall in names
    assert names <= {wall}.union(*(ALSO.get(key, ()) for key in changes))


def test_a_checkpoint_of_a_hybrid_class_may_only_attend() -> None:
    hybrid = {"architectures": ["OlmoHybridForCausalLM"], "model_type": "olmo_hybrid"}
    assert "recurrent state" in {f.name for f in found(source(**hybrid, layer_types=None))}
    assert found(source(**hybrid)) == []


def test_a_decoder_of_bert_decodes() -> None:
    bert = {"architectures": ["BertLMHeadModel"], "model_type": "bert"}
    assert found(source(**bert, is_decoder=True)) == []


def test_every_wall_has_its_sign() -> None:
    assert {wall for wall, _ in SIGNS} == {wall.name for wall in WALLS}


def test_evidence_names_every_key() -> None:
    (finding,) = found(source(multi_query=True, clip_qkv=8.0))[-1:]
    assert finding.evidence == "multi_query = True, clip_qkv = 8.0"


RELEASED = {
    "Llama 2": {"torch_dtype": "float16", "rope_scaling": None, "pretraining_tp": 1},
    "Llama 3.2": {
        **{"rope_theta": 5e5, "tie_word_embeddings": True, "torch_dtype": "bfloat16"},
        "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0},
    },
    "partial": {"partial_rotary_factor": 0.5},
    "GPT-2's spelling": {"activation_function": "gelu_new"},
}


@pytest.mark.parametrize("case", RELEASED)
def test_old_spellings_and_parts_that_are_here_are_no_walls(case: str) -> None:
    assert found(source(rope_parameters=None, **RELEASED[case])) == []


def test_a_part_of_the_port_lifts_its_wall() -> None:
    model = source(attn_logit_softcapping=50.0)
    assert [finding.name for finding in found(model)] == ["attention softcap"]
    assert found(model, {"softcap"}.__contains__) == []


def test_a_hybrid_class_may_only_attend() -> None:
    assert found(source(mamba_n_heads=128, mamba_d_state=256)) == []


def write(directory: Path, **changes: Any) -> str:
    (directory / "config.json").write_text(json.dumps(PLAIN | changes))
    write_sparse(directory / "model.safetensors", {"w": (2,)})
    return str(directory)


@pytest.mark.parametrize(
    ("changes", "verdict"), [({}, 0), ({"head_dim": 64}, 1), ({"alibi": True}, 2)]
)
def test_the_exit_code_is_the_verdict(
    changes: dict[str, Any], verdict: int, tmp_path: Path
) -> None:
    model = write(tmp_path, **changes)
    for flags in ((), ("--json",)):
        with pytest.raises(SystemExit) as ended:
            main(["check-walls", model, *flags])
        assert ended.value.code == verdict


def test_json_has_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write(tmp_path, alibi=True)
    with pytest.raises(SystemExit):
        main(["check-walls", model, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["model"] == model
    assert report["verdict"] == 2
    (finding,) = report["findings"]
    assert {key: type(value) for key, value in finding.items()} == dict.fromkeys(
        ("level", "name", "evidence", "why", "lift"), str
    )


def test_the_report_reads_in_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    model = write(tmp_path, alibi=True, layer_types=["[red]"], torch_dtype="float16")
    with pytest.raises(SystemExit):
        main(["check-walls", model])
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "layers of kind '[red]'" in out
    assert "lifted by: two more dimensions of q and k" in " ".join(out.split())
    assert all(len(line) <= 80 for line in out.splitlines() if model not in line)
    assert "\x1b" not in out
