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

from . import installed

Config = Mapping[str, Any]

_DEFINITION = re.compile(r"^(?:class |def |(?=[A-Z_]+ = ))(\w+)", re.M)
# Decorators too: they name kernels that may not be used.
_REMARKS = re.compile(r'"""[\s\S]*?"""|#.*|^@.*', re.M)


@dataclass(frozen=True)
class Code:
    """The part of a modeling file that a class reaches.

    Attributes:
        file: Its name.
        text: The source of its definitions, each line at its place; docstrings, comments and
            what the class does not reach are blank.
    """

    file: str
    text: str

    def where(self, match: re.Match[str] | None) -> str:
        """Returns ``file.py:line`` of a match in the text."""
        return f"{self.file}:{self.text.count(chr(10), 0, match.start()) + 1}" if match else ""


def _blank(match: re.Match[str]) -> str:
    return "\n" * match.group().count("\n")


@functools.cache
def code_of(class_name: str | None, model_type: str) -> Code | None:
    """Returns the reference code of a class, or of its model type's causal model.

    None if transformers has none.
    """
    file = installed.modeling_file(model_type)
    if file is None:
        return None
    text = _REMARKS.sub(_blank, file.read_text())
    begins = list(_DEFINITION.finditer(text))
    ends = [*(m.start() for m in begins[1:]), len(text)]
    parts = {m[1]: text[m.start() : end] for m, end in zip(begins, ends, strict=True)}
    if class_name not in parts:
        # A name of the Hub's, such as Ernie4_5_ForCausalLM.
        causal = (n for n in parts if n.endswith(("ForCausalLM", "LMHeadModel")))
        class_name = next(causal, None)
    reached, todo = set(), [class_name] if class_name else []
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            mentioned = set(re.findall(r"\w+", parts[name])) & parts.keys()
            todo += [n for n in mentioned if not n.endswith("PreTrainedModel")]
    before = text[: begins[0].start()].count("\n") if begins else 0
    kept = [part if n in reached else "\n" * part.count("\n") for n, part in parts.items()]
    return Code(file.name, "\n" * before + "".join(kept)) if reached else None


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
    code: Callable[[Code], tuple[str, str]]
    checkpoint: Callable[[Config], bool | None] = lambda config: None

    def of(self, code: Code, config: Config) -> tuple[str, str]:
        """Returns what a checkpoint has of it (BRANCH: its class could), and where the code is."""
        state, where = of_class(code)[self.name]
        said = self.checkpoint(config)
        if state == NO or said is None:
            return state, where
        return (YES if said else BRANCH), where


def _reads(pattern: str, state: str = YES) -> Callable[[Code], tuple[str, str]]:
    def code(code: Code) -> tuple[str, str]:
        match = re.search(pattern, code.text)
        return (state if match else NO), code.where(match)

    return code


def _switched(pattern: str, keys: str) -> Callable[[Code], tuple[str, str]]:
    """As :func:`_reads`; a branch where the code also reads one of ``keys``."""
    reads = _reads(pattern)

    def code(code: Code) -> tuple[str, str]:
        state, where = reads(code)
        return (BRANCH if state == YES and re.search(keys, code.text) else state), where

    return code


def _lacks(pattern: str) -> Callable[[Code], tuple[str, str]]:
    def code(code: Code) -> tuple[str, str]:
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


def _bias(names: str) -> Callable[[Code], tuple[str, str]]:
    def code(code: Code) -> tuple[str, str]:
        found = {}
        for match in re.finditer(_linear(names), code.text):
            given = re.search(r"bias=([^,)]+)", match[1])
            said = given[1].strip() if given else "True"
            found[{"True": YES, "False": NO}.get(said, BRANCH)] = code.where(match)
        state = next((s for s in (BRANCH, YES) if s in found), NO)
        return state, found.get(state, "")

    return code


_APPLIES = re.compile(r"^( +)if (.*):\n(?:\1 .*\n|\n)*?\1 .*apply_rotary.*\n(?:\1 .*\n|\n)*", re.M)


def _some_rotate(code: Code) -> tuple[str, str]:
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


_pairs = _reads(r"::2\]|repeat_interleave\(2|view_as_complex")


def _interleaved(code: Code) -> tuple[str, str]:
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

#: Every feature that is looked for.
FEATURES: tuple[Feature, ...] = (
    Feature("LayerNorm", "norm", _reads(r"(?<!RMS)LayerNorm\(|nn\.LayerNorm\b")),
    Feature(
        "zero-centred norm", "norm", _reads(r"1(\.0)? \+ self\.weight|self\.weight[.\w()]* \+ 1")
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
        _switched(r"self\.(q|k|query|key)_?(norm|layernorm|ln)\w* = ", "use_qk_norm|qk_layernorm"),
        _flag("use_qk_norm", "qk_layernorm"),
    ),
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
    Feature("learned positions", "rope", _learned),
    Feature(
        "two-matrix MLP",
        "mlp",
        _lacks(r"gate_proj|gate_up_proj|\bw3\b|\bv1\b|\.Wi\b|input_linear|gate_and_up"),
    ),
    Feature("MLP bias", "mlp", _bias(_MLP), _flag("mlp_bias", "use_bias")),
    Feature("fused gate and up", "mlp", _reads(_linear("gate_up_proj|Wi|input_linear"))),
    Feature("mixture of experts", "mlp", _reads(r"\.experts\b|moe\w*\("), _experts),
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
    Feature("tied head", "head", _reads("_tied_weights_keys", BRANCH), _tied),
    Feature(
        "scaled embedding",
        "head",
        _reads(
            r"embed_scale|embedding_multiplier|normalizer = |embedding_scale|sqrt\(self\.d_model|"
            r"hidden_size ?\*\* ?0?\.5"
        ),
    ),
    Feature("logit softcap", "head", _reads(r"logits?_soft_?cap|soft_cap\("), _softcap),
    Feature("scaled logits", "head", _reads(r"logit_scale|logits_scaling|lm_head_multiplier")),
)


@functools.cache
def of_class(code: Code) -> Mapping[str, tuple[str, str]]:
    """What a class has of each feature, and where."""
    return {feature.name: feature.code(code) for feature in FEATURES}
