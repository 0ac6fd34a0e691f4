# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The ledger of differences, against modular files and against what was read by eye."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import PortError
from tests import modular
from tools.read.differences import differences, donors
from tools.read.installed import causal_models
from tools.read.ledger import DIFFERS, EQUAL, NEW, entries, ledger, modular_parents, values
from tools.read.reference import PLAIN, config_defaults
from tools.read.syntax import code_of

DOCS = Path(__file__).parents[1] / "docs" / "ledger.md"

#: By eye, from the sources: a method that differs from the plain decoder, and a line of its own.
DIFFERENT = [
    ("bitnet", "BitNetAttention.forward", "self.attn_sub_norm(attn_output)"),
    ("bitnet", "BitNetMLP.forward", "self.ffn_sub_norm("),
    ("bitnet", "BitNetAttention.__init__", "self.attn_sub_norm = RMSNorm(config.hidden_size"),
    ("bitnet", "BitNetMLP.__init__", "self.ffn_sub_norm = RMSNorm("),
    ("olmoe", "OlmoeAttention.__init__", "self.q_norm = RMSNorm(config.hidden_size"),
    ("olmoe", "OlmoeAttention.forward", "query_states.clamp_(max=config.clip_qkv"),
    ("nemotron", "NemotronMLP.forward", "return self.down_proj(self.act_fn(self.up_proj(x)))"),
    ("nemotron", "NemotronLayerNorm1P.forward", "self.weight + 1"),
    ("granite", "GraniteModel.forward", "inputs_embeds * config.embedding_multiplier"),
    ("granite", "GraniteAttention.forward", "scaling=config.attention_multiplier"),
    ("granite", "GraniteForCausalLM.forward", "logits / config.logits_scaling"),
    ("gemma2", "Gemma2ForCausalLM.forward", "config.final_logit_softcapping"),
    ("gemma2", "Gemma2DecoderLayer.forward", "self.post_feedforward_layernorm(hidden_states)"),
    ("nanochat", "rotate_half", "return torch.cat((x2, -x1), dim=-1)"),
    ("cohere2", "Cohere2Attention.forward", "if self.sliding_window is not None:"),
    ("phi", "PhiForCausalLM.__init__", "bias=True"),
    ("gpt_neo", "GPTNeoSelfAttention._attn", "torch.matmul(query, key.transpose(-1, -2))"),
    ("openai-gpt", "ACT_FNS", "'gelu': gelu_new"),
]


@pytest.mark.parametrize(("model_type", "method", "line"), DIFFERENT)
def test_what_differs_is_found(model_type: str, method: str, line: str) -> None:
    (entry,) = [e for e in ledger(model_type, PLAIN) if e.name == method]
    assert entry.state in (DIFFERS, NEW)
    assert any(line in text for text in entry.hunk if text.startswith("+")), entry.hunk


#: As much by eye: what computes the same in other words.
SAME = [
    ("arcee", "ArceeAttention.forward"),
    ("phi", "PhiModel.forward"),  # other names, dropout
    ("seed_oss", "SeedOssDecoderLayer.forward"),
    ("olmoe", "OlmoeRMSNorm.__init__"),  # another default that no caller relies on
    ("mixtral", "MixtralForCausalLM.forward"),  # returns the routers' logits too
    ("cohere2", "Cohere2MLP.__init__"),  # without a flag that is off by default
    ("gemma", "GemmaMLP.forward"),
]


@pytest.mark.parametrize(("model_type", "method"), SAME)
def test_what_computes_the_same_is_equal(model_type: str, method: str) -> None:
    assert {e.name: e.state for e in ledger(model_type, PLAIN)}[method] == EQUAL


DECIDED = [
    ("nemotron", {}, "hidden_act", "relu2", "silu"),
    ("gemma2", {}, "hidden_activation", "gelu_pytorch_tanh", "silu"),
    ("gpt2", {}, "activation_function", "gelu_new", "silu"),
    ("glm4", {}, "attention_bias", True, False),
    ("llama", {"hidden_act": "gelu"}, "hidden_act", "gelu", "silu"),
    ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters", "yarn", "default"),
    ("llama", {"rms_norm_eps": 1e-3}, "rms_norm_eps", 1e-3, 1e-6),
]


@pytest.mark.parametrize(("model_type", "config", "key", "value", "parent"), DECIDED)
def test_what_the_config_decides(
    model_type: str, config: dict[str, object], key: str, value: object, parent: object
) -> None:
    found = {v.key: (v.value, v.parent) for v in values(config, model_type, PLAIN)}
    assert found[key] == (value, parent)


def test_sizes_decide_nothing() -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "rope_parameters": {"rope_theta": 5.0}}
    assert values(sizes, PLAIN, PLAIN) == []
    # 64 experts and 8 are numbers under a name that is no size's.
    assert "num_experts" not in {value.key for value in values({}, "olmoe", "mixtral")}


def test_a_switch_of_the_class_is_work_where_the_config_leaves_it_off() -> None:
    (norms,) = [each for each in differences("phi", PLAIN) if each.name == "QK norm"]
    assert (norms.state, norms.is_work) == ("branch", True)


def test_every_causal_reference_can_be_read() -> None:
    read = 0
    for model_type in causal_models():
        try:
            found = differences(model_type, PLAIN)
        except PortError:
            continue  # registered, but in another model's folder
        assert found or model_type == PLAIN
        assert all(re.fullmatch(r"\w+\.py:\d+", each.where) for each in found)
        assert all(each.references for each in found)
        read += 1
    assert read > 150


BEFORE = """
class SomeRotaryEmbedding(nn.Module):
    def __init__(self, config, device=None):
        steps = torch.arange(0, 8, 2, dtype=torch.int64).to(device=device, dtype=torch.float)
        self.register_buffer("inv_freq", 1.0 / 10**steps, persistent=False)

    def forward(self, positions):
        return self.inv_freq * positions

class SomeAttention(nn.Module):
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        if past_key_values is not None:
            keys, values = past_key_values.update(keys, values, self.layer_idx)
        return self.o_proj(keys, values)

class SomeForCausalLM(PreTrainedModel):
    def __init__(self, config):
        self.rotary_emb = SomeRotaryEmbedding(config, device=self.device)
        self.attention = SomeAttention(config)
        self.lm_head = nn.Linear(8, 8)

    def forward(self, input_ids, past_key_values=None, logits_to_keep=0):
        masks = {"past_key_values": past_key_values}
        hidden = self.attention(input_ids, past_key_values=past_key_values)
        slice_indices = slice(-logits_to_keep, None) if logits_to_keep else logits_to_keep
        return self.lm_head(hidden[:, slice_indices, :], masks)
"""
#: The same, as transformers 5.24 writes it.
AFTER = """
class SomeRotaryEmbedding(nn.Module):
    def __init__(self, config):
        steps = torch.arange(0, 8, 2, dtype=torch.float)
        self.inv_freq = nn.Buffer(1.0 / 10**steps, persistent=False)

    def forward(self, positions):
        return self.inv_freq * positions

class SomeAttention(nn.Module):
    @deprecate_kwarg("past_key_values", new_name="cache")
    def forward(self, hidden_states, cache=None, **kwargs):
        if cache is not None:
            keys, values = cache.update(keys, values, self.layer_idx, kwargs=kwargs)
        return self.o_proj(keys, values)

class SomeForCausalLM(PreTrainedModel):
    def __init__(self, config):
        self.rotary_emb = SomeRotaryEmbedding(config)
        self.attention = SomeAttention(config)
        self.lm_head = nn.Linear(8, 8)

    def forward(self, input_ids, cache=None, logits_to_keep=0):
        masks = {"cache": cache}
        hidden = self.attention(input_ids, cache=cache)
        hidden = slice_logits_to_keep(hidden, logits_to_keep)
        return self.lm_head(hidden, masks)
"""


def test_names_that_the_library_changed_are_no_difference(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("before.py", "after.py")]
    for file, text in zip(files, (BEFORE, AFTER), strict=True):
        file.write_text(text)
    before, after = (code_of(file, "SomeForCausalLM") for file in files)
    assert {e.name: e.hunk for e in entries(after, before) if e.state != EQUAL} == {}
    assert {"RotaryEmbedding.__init__", "Attention.forward", "ForCausalLM.forward"} <= {
        *after.parts
    }


def test_nothing_is_listed_twice() -> None:
    for model_type in ("olmoe", "gemma2", "gpt2", "cohere2", "qwen3_next", "falcon"):
        names = [each.name for each in differences(model_type, PLAIN)]
        assert len(names) == len(set(names)), model_type
        # A method may have several names; what has none stands in one place.
        found = differences(model_type, PLAIN)
        first = {each.references[0] for each in found if each.part != "code"}
        every = [name for each in found for name in each.references]
        unnamed = [name for name in every if name not in first]
        assert len(unnamed) == len(set(unnamed)), model_type


@pytest.mark.parametrize(
    ("model_type", "first"),
    [
        *(("glm4", "GlmForCausalLM"), ("cohere2", "CohereForCausalLM")),
        *(("olmoe", "MixtralForCausalLM"), ("gemma2", "GemmaForCausalLM")),
        *(("openai-gpt", "GPT2LMHeadModel"), ("gpt_neo", "GPT2LMHeadModel")),
        *(("arcee", "LlamaForCausalLM"), ("bitnet", "LlamaForCausalLM")),
    ],
)
def test_the_nearest_donor(model_type: str, first: str) -> None:
    assert donors(model_type, config_defaults(model_type))[0].name == first


def test_parents_are_those_of_the_modular_file() -> None:
    assert modular_parents("glm4") == {"glm"}
    assert "mixtral" in modular_parents("olmoe")
    assert modular_parents("nemotron") == frozenset()


def test_it_agrees_with_the_modular_files() -> None:
    # What is left on either side is listed in the document, each to be read.
    table = modular.table()
    assert table in DOCS.read_text(), "docs/ledger.md is stale: python -m tests.modular"
    precision, recall = map(float, re.findall(r"(?:Precision|recall) (\d\.\d+)", table))
    assert precision > 0.94
    assert recall > 0.85


def test_it_imports_nothing_heavy() -> None:
    code = """
import sys
from tools.read.differences import donors
from tools.read.reference import config_defaults
donors("olmoe", config_defaults("olmoe"))
assert not sys.modules.keys() & {"max", "torch", "transformers"}
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env=dict(os.environ))
