# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How decoders differ, read from transformers' code of a class without running or importing it.

A feature is a row of a table: what in the code shows that a class can have it, and which config
keys switch it. Of a class that has the code, a checkpoint has the feature unless a key says not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .reference_text import ReferenceText

Config = Mapping[str, Any]

#: What can be said of a feature.
YES, BRANCH, NO = "yes", "branch", "no"


@dataclass(frozen=True)
class Feature:
    """A way in which a decoder may differ from a plain one.

    Attributes:
        name: What a port would call the delta.
        part: Where it is: norm, attention, rope, mlp, block or head.
        code: Whether the code of a class has it (YES, BRANCH if a config key decides, or NO), and
            where.
        checkpoint: What a config says of it: True, False, or None if nothing.
    """

    name: str
    part: str
    code: Callable[[ReferenceText], tuple[str, str]]
    checkpoint: Callable[[Config], bool | None] = lambda config: None

    def of(self, code: ReferenceText, config: Config) -> tuple[str, str]:
        """Returns what a checkpoint has of it (BRANCH: its class could), and where the code is."""
        state, where = of_class(code)[self.name]
        said = self.checkpoint(config)
        if state == NO or said is None:
            return state, where
        return (YES if said else BRANCH), where


def _reads(pattern: str, state: str = YES) -> Callable[[ReferenceText], tuple[str, str]]:
    def code(code: ReferenceText) -> tuple[str, str]:
        match = re.search(pattern, code.text)
        return (state if match else NO), code.where(match)

    return code


def _switched(pattern: str, keys: str) -> Callable[[ReferenceText], tuple[str, str]]:
    """As :func:`_reads`; a branch where the code also reads one of ``keys``."""
    reads = _reads(pattern)

    def code(code: ReferenceText) -> tuple[str, str]:
        state, where = reads(code)
        return (BRANCH if state == YES and re.search(keys, code.text) else state), where

    return code


def _lacks(pattern: str) -> Callable[[ReferenceText], tuple[str, str]]:
    def code(code: ReferenceText) -> tuple[str, str]:
        mlp = re.search(r"class \w*(MLP|FeedForward|DecoderLayer|Block)\b", code.text)
        return (NO, "") if re.search(pattern, code.text) else (YES, code.where(mlp))

    return code


def _linear(names: str) -> str:
    """Matches ``self.q_proj = nn.Linear(...)``, with its arguments as the last group."""
    return rf"self\.(?:{names}) = [\w.]*(?:Linear|Conv1D)\(((?:[^()]|\([^()]*\))*)\)"


_QKV = (
    "q_proj|k_proj|v_proj|qkv_proj|query_key_value|c_attn|q_attn|Wqkv|Wq|query|project_q|attn_qkv"
)
_FUSED_QKV = "qkv_proj|query_key_value|c_attn|Wqkv|attn_qkv"


def _bias(names: str) -> Callable[[ReferenceText], tuple[str, str]]:
    def code(code: ReferenceText) -> tuple[str, str]:
        found = {}
        for match in re.finditer(_linear(names), code.text):
            given = re.search(r"bias=([^,)]+)", match[1])
            said = given[1].strip() if given else "True"
            found[{"True": YES, "False": NO}.get(said, BRANCH)] = code.where(match)
        state = next((s for s in (BRANCH, YES) if s in found), NO)
        return state, found.get(state, "")

    return code


_APPLIES = re.compile(r"^( +)if (.*):\n(?:\1 .*\n|\n)*?\1 .*apply_rotary.*\n(?:\1 .*\n|\n)*", re.M)


def _some_rotate(code: ReferenceText) -> tuple[str, str]:
    if "rotary" not in code.text.lower():
        without = _learned(code)[0] == NO
        attention = re.search(r"class \w*Attention\b", code.text)
        return (YES if without and attention else NO), code.where(attention)
    for match in _APPLIES.finditer(code.text):
        after = code.text[match.end() : match.end() + 400]
        otherwise = re.match(rf"{match[1]}el.*\n(?:{match[1]} .*\n)*?.*rotary", after)
        if not otherwise and not re.search("rotary_dim|alibi|cross", match[2]):
            return BRANCH, code.where(match)
    return NO, ""


def _weightless(code: ReferenceText) -> tuple[str, str]:
    """A norm whose class keeps no parameter."""
    for match in re.finditer(
        r"^class \w*(?<!Attention)Norm\(.*\n(?:(?!class |def ).*\n)*", code.text, re.M
    ):
        if not re.search(r"self\.weight|LayerNorm\)|layer_norm", match[0]):
            return YES, code.where(match)
    return NO, ""


_pairs = _reads(r"::2\]|repeat_interleave\(2|view_as_complex")


def _interleaved(code: ReferenceText) -> tuple[str, str]:
    # Sinusoids are laid out in pairs too.
    return _pairs(code) if "rotary" in code.text.lower() else (NO, "")


_learned = _reads(
    r"self\.(wpe|embed_positions|position_embeddings?|positions_embed|pos_encoding) = "
    r"[\w.]*(Embedding|positional_encoding)\(|\"pos_encoding\","
)


def _tied(config: Config) -> bool | None:
    found = config.get("tie_word_embeddings")
    return found if isinstance(found, bool) else None


def _partial(config: Config) -> bool | None:
    nested = config.get("rope_parameters") or config.get("rope_scaling")
    places = [config, nested if isinstance(nested, dict) else {}]
    for key in ("partial_rotary_factor", "rotary_pct"):
        for place in places:
            if isinstance(place.get(key), int | float):
                return place[key] != 1
    return None


def _windowed(config: Config) -> bool | None:
    kinds = config.get("layer_types")
    if isinstance(kinds, list) and kinds:
        windows = any("sliding" in str(kind) for kind in kinds[:1000])
        return windows and config.get("use_sliding_window") is not False
    if config.get("use_sliding_window") is False:
        return False
    return bool(config["sliding_window"]) if "sliding_window" in config else None


def _mixed(config: Config) -> bool | None:
    """Whether layers differ so that some may not rotate."""
    rotate, kinds = config.get("no_rope_layers"), config.get("layer_types")
    if isinstance(rotate, list):
        return any(layer == 0 for layer in rotate)
    if isinstance(kinds, list):
        return len({str(kind) for kind in kinds[:1000]}) > 1
    return None


def _flag(*keys: str) -> Callable[[Config], bool | None]:
    def checkpoint(config: Config) -> bool | None:
        found = [config[key] for key in keys if isinstance(config.get(key), bool)]
        return found[0] if found else None

    return checkpoint


def _equals(key: str, wanted: bool) -> Callable[[Config], bool | None]:
    return lambda config: config[key] is wanted if isinstance(config.get(key), bool) else None


def _experts(config: Config) -> bool | None:
    for key in ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"):
        if isinstance(config.get(key), int):
            return config[key] > 1
    return None


def _given(*keys: str) -> Callable[[Config], bool | None]:
    """True where a key has a value, False where one is null."""

    def checkpoint(config: Config) -> bool | None:
        found = [config[key] is not None for key in keys if key in config]
        return any(found) if found else None

    return checkpoint


def _projected(config: Config) -> bool | None:
    width, hidden = config.get("word_embed_proj_dim"), config.get("hidden_size")
    return width != hidden if isinstance(width, int) and isinstance(hidden, int) else None


_softcap = _given("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")
_attn_softcap = _given("attn_logit_softcapping")
_clamped = _given("clip_qkv")
_MLP = "gate_proj|up_proj|down_proj|c_fc|fc1|fc2|dense_h_to_4h|fc_in|lin1|dense_4h_to_h"
_AFTER = (
    r"self\.(post_feedforward_layernorm|post_self_attn_layernorm|post_mlp_layernorm|post_norm1)"
    r"|self\.ln_1\(\w+ \+|do_layer_norm_before"
)
_RECURRENT = (
    r"\bconv1d\b|[Ss]hort_?[Cc]onv|rg_lru|time_mixing|time_decay|lightning_attn|slope_rate"
    r"|xLSTMBlock"
)

_ALL_COLUMNS = r"\w*Norm\((?:self\.|config\.)*(?:hidden_size|num_attention_heads \* )"
#: A norm of q whose size is that of all heads, and one that is not.
_WIDE_NORM = rf"self\.q_norm = {_ALL_COLUMNS}"
_QK_NORM = rf"self\.(?:q|query|qk)_?(?:norm|layernorm|ln)\w* = (?!{_ALL_COLUMNS})"
#: The head's projection, with a bias that may be there.
_HEAD_BIAS = (
    r"self\.(?:lm_head|output_projection|embed_out) = nn\.Linear\("
    r"(?![^()]*bias=False)(?:[^()]|\([^()]*\))*\)|self\.decoder = nn\.Linear\([^()]*bias"
)

#: Every feature that is looked for.
FEATURES: tuple[Feature, ...] = (
    Feature("LayerNorm", "norm", _reads(r"(?<!RMS)LayerNorm\(|nn\.LayerNorm\b")),
    Feature(
        "zero-centred norm", "norm", _reads(r"1(\.0)? \+ self\.weight|self\.weight[.\w()]* \+ 1")
    ),
    Feature("norm without a weight", "norm", _weightless),
    Feature("inner norms", "norm", _reads(r"self\.\w*sub_norm\b")),
    Feature(
        "norm of the embedding",
        "norm",
        _reads(
            r"word_embeddings_layernorm|self\.norm\((?:inputs_embeds|self\.tok_embeddings)"
            r"|self\.norm\(hidden_states\)[^\n]*\n(?=[\s\S]{0,600}self\.norm\(hidden_states\))"
        ),
    ),
    Feature("latent attention", "attention", _reads("kv_lora_rank")),
    Feature("attention sinks", "attention", _reads(r"self\.sinks\b")),
    Feature(
        "attention softcap", "attention", _reads("attn_logit_softcapping", BRANCH), _attn_softcap
    ),
    Feature("clamped QKV", "attention", _reads("clip_qkv", BRANCH), _clamped),
    Feature(
        "QK norm",
        "attention",
        _switched(_QK_NORM, "use_qk_norm|qk_layernorm"),
        _flag("use_qk_norm", "qk_layernorm"),
    ),
    Feature("QK norm over all columns", "attention", _reads(_WIDE_NORM)),
    Feature(
        "QK norm after RoPE",
        "attention",
        _reads(r"apply_rotary_pos_emb\(.*\n(?:.*\n){0,3}?.*self\.(?:q_norm|query_layernorm)\("),
    ),
    Feature(
        "attention scale",
        "attention",
        _reads(r"attention_multiplier|query_pre_attn_scalar|softmax_scale|self\.scaling = 1\.0$"),
    ),
    Feature("query temperature", "attention", _reads("llama_4_attn_scale")),
    Feature("gated attention output", "attention", _reads(r"(?:output.*|= )torch\.sigmoid\(gate")),
    Feature(
        "QKV bias", "attention", _bias(_QKV), _flag("attention_bias", "use_qkv_bias", "use_bias")
    ),
    Feature("fused QKV", "attention", _reads(_linear(_FUSED_QKV))),
    Feature("sliding window", "attention", _reads("sliding_|[\"']local[\"']", BRANCH), _windowed),
    Feature("interleaved RoPE", "rope", _interleaved),
    Feature(
        "partial RoPE",
        "rope",
        _reads(
            "partial_rotary_factor|rotary_pct|rotary_ndims|rotary_dim is not None|rotary_dim = cos",
            BRANCH,
        ),
        _partial,
    ),
    Feature("layers without RoPE", "rope", _some_rotate, _mixed),
    Feature("RoPE by kind of layer", "rope", _reads(r"rope_parameters\[layer_type\]")),
    Feature("learned positions", "rope", _learned),
    Feature(
        "two-matrix MLP",
        "mlp",
        _lacks(r"gate_proj|gate_up_proj|\bw3\b|\bv1\b|\.Wi\b|input_linear|gate_and_up"),
    ),
    Feature("MLP bias", "mlp", _bias(_MLP), _flag("mlp_bias", "use_bias")),
    Feature("fused gate and up", "mlp", _reads(_linear("gate_up_proj|Wi|input_linear"))),
    Feature("Conv1D", "mlp", _reads(r"\bConv1D\(")),
    Feature("shared experts", "mlp", _reads(r"shared_expert|shared_mlp")),
    Feature(
        "mixture of experts", "mlp", _reads(r"\.experts\b|self\.\w*moe\b|\b_?moe\w*\("), _experts
    ),
    Feature(
        "parallel residual",
        "block",
        _switched(
            r"(?m)^(?=.*att)(?=.*(?:mlp|feed_forward)).*\w \+ \w+ \+ \w|mlp_output \+= att",
            "use_parallel_residual|parallel_attn",
        ),
        _flag("use_parallel_residual", "parallel_attn"),
    ),
    Feature(
        "norms after sublayers",
        "block",
        _switched(_AFTER, "do_layer_norm_before"),
        _equals("do_layer_norm_before", False),
    ),
    Feature("scaled residual", "block", _reads("residual_multiplier")),
    Feature("recurrent layers", "block", _reads(_RECURRENT)),
    Feature("projected embedding", "head", _reads(r"self\.project_in\b", BRANCH), _projected),
    Feature("head bias", "head", _reads(_HEAD_BIAS)),
    Feature("tied head", "head", _reads("_tied_weights_keys", BRANCH), _tied),
    Feature(
        "scaled embedding",
        "head",
        _reads(
            r"embed_scale|embedding_multiplier|normalizer = |embedding_scale|sqrt\(self\.d_model|"
            r"hidden_size ?\*\* ?0?\.5"
        ),
    ),
    Feature("logit softcap", "head", _reads(r"(?<!attn_)logits?_soft_?cap|soft_cap\("), _softcap),
    Feature("scaled logits", "head", _reads(r"logit_scale|logits_scaling|lm_head_multiplier")),
)


@functools.cache
def of_class(code: ReferenceText) -> Mapping[str, tuple[str, str]]:
    """What a class has of each feature, and where."""
    return {feature.name: feature.code(code) for feature in FEATURES}
