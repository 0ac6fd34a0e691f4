# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Signs of walls: what in config.json, the list of files or the reference's code shows one.

A sign takes a model and returns the evidence, or None.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tools.terminal.output import plain

from . import installed
from .config import class_name, number, shown, sizes, texts
from .inference import ACTIVATIONS
from .reference_text import text_of
from .source import Source

#: Layer kinds that attend; any other in a config's list of layers keeps a state of its own.
ATTENTION = frozenset(
    (
        *("attention", "full_attention", "sliding_attention", "chunked_attention", "full"),
        *("global", "local", "sliding", "self_attention", "*"),
    )
)
#: Keys under which configs list their layers' kinds.
LAYERS = ("layer_types", "layers_block_type", "block_types", "hybrid_override_pattern")
#: Head sizes at which attention was measured equal to the reference.
HEAD_DIMS = (16, 32, 64, 72, 80, 96, 112, 128, 256)
#: Quantisations that some of MAX's own architectures load.
PER_ARCHITECTURE = ("gptq", "awq", "fp8", "fbgemm_fp8", "compressed-tensors", "modelopt", "mxfp4")
#: Types of RoPE that are common.
ROPES = (None, "default", "linear", "llama3", "yarn", "longrope", "dynamic", "proportional")


def _listed(pairs: Iterable[tuple[str, Any]]) -> str | None:
    said = [f"{plain(key)} = {shown(value)}" for key, value in pairs]
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return ", ".join(said[:3]) + more or None


def given(*patterns: str) -> Callable[[Source], str | None]:
    """The sign that a key is there, and neither null, false, 0 nor empty."""

    def sign(source: Source) -> str | None:
        return _listed(
            (key, value)
            for key, value in source.config.items()
            if value and any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)
        )

    return sign


def equal(**wanted: Any) -> Callable[[Source], str | None]:
    """The sign that a key has a value."""

    def sign(source: Source) -> str | None:
        return _listed(
            (key, value)
            for key, value in wanted.items()
            if type(source.config.get(key)) is type(value) and source.config[key] == value
        )

    return sign


def code(pattern: str) -> Callable[[Source], str | None]:
    """The sign that the class's code in transformers has some words: the place, and its line."""
    compiled = re.compile(pattern)

    def sign(source: Source) -> str | None:
        model_type = source.config.get("model_type")
        named = isinstance(model_type, str)
        reference = text_of(class_name(source.config), str(model_type)) if named else None
        match = compiled.search(reference.text) if reference else None
        if reference is None or match is None:
            return None
        line = reference.text[: match.start()].rpartition("\n")[2]
        line += reference.text[match.start() :].partition("\n")[0]
        return f"{reference.where(match)}: {shown(line.strip())}"

    return sign


def any_of(*signs: Callable[[Source], str | None]) -> Callable[[Source], str | None]:
    """The sign that one of some is there."""

    def sign(source: Source) -> str | None:
        return ", ".join(found for each in signs if (found := each(source))) or None

    return sign


def no_reference(source: Source) -> str | None:
    """transformers has neither the class nor its model type."""
    name, known = class_name(source.config), installed.model_types()
    model_type = source.config.get("model_type")
    if not known or name is None or name in installed.transformers_classes():
        return None
    if isinstance(model_type, str) and model_type in known:
        return None
    code = "its code is the checkpoint's (auto_map)" if source.config.get("auto_map") else "no code"
    return f"transformers knows neither {plain(name)} nor {shown(model_type)}; {code}"


def renamed(source: Source) -> str | None:
    """transformers has the model type, and not the class's name."""
    name, model_type = class_name(source.config), source.config.get("model_type")
    classes = installed.transformers_classes()
    if not classes or name is None or name in classes or not isinstance(model_type, str):
        return None
    known = model_type in installed.model_types()
    return f"{plain(name)} is transformers' {model_type} by another name" if known else None


def alibi(source: Source) -> str | None:
    """Positions are slopes added to the scores, one for each head."""
    config, nested = source.config, source.config.get("attn_config")
    if isinstance(nested, dict) and nested.get("alibi") is True:
        return "attn_config.alibi = True"
    if isinstance(nested, dict) and nested.get("alibi") is False:
        return None
    if config.get("model_type") in ("bloom", "mpt"):
        return f"model_type = {config['model_type']!r}"
    return equal(alibi=True, position_embedding_type="alibi")(source)


def _layer_kinds(config: Mapping[str, Any]) -> list[str] | None:
    for key in LAYERS:
        value = config.get(key)
        if isinstance(value, str):
            # Nemotron-H's letters: M for Mamba, * for attention, - for an MLP.
            return [letter for letter in value if letter != "-"]
        if isinstance(value, list) and value:
            return texts(value)
    return None


#: Kinds of layers that keep a state, where the reference makes a layer of one or of another.
_KIND = "[\"'](?:linear_attention|conv|mamba|recurrent)[\"']"
_CHOSEN = code(rf"[!=]= {_KIND}|{_KIND}: [A-Z]\w+(?!\w|\()")
_STATE_IN_CODE = code(
    r"\w*(?:conv|recurrent|ssm|linear|rnn)_(?:states?|cache)\b|\bcausal_conv1d|\bselective_scan"
)
_STATE = given(
    *("mamba_*", "ssm_*", "state_size", "conv_kernel", "conv_L_cache", "linear_num_value_heads"),
    *(
        "lru_width",
        "attn_layer_period",
        "time_step_rank",
        "mlstm_*",
        "rescale_every",
        "chunkwise_kernel",
    ),
)


def recurrent_state(source: Source) -> str | None:
    """Some layers are of a kind that does not attend, or attend to more than keys and values."""
    kinds = _layer_kinds(source.config)
    if kinds is None:
        return _STATE(source) or _STATE_IN_CODE(source)
    other = sorted({kind for kind in kinds if kind not in ATTENTION})
    if other:
        return f"layers of kind {', '.join(map(shown, other[:4]))}"
    # A hybrid class may have a checkpoint that only attends.
    return None if _CHOSEN(source) else _STATE_IN_CODE(source)


def cross_attention(source: Source) -> str | None:
    """The decoder reads an encoder."""
    config = source.config
    if config.get("encoder_layers") and config.get("decoder_layers"):
        return "encoder_layers and decoder_layers"
    return given("is_encoder_decoder", "add_cross_attention", "cross_attention_layers")(source)


def no_decoder(source: Source) -> str | None:
    """The class predicts no next token, or its attention looks ahead."""
    name = class_name(source.config) or ""
    tasks = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "Model")
    if name.endswith(tasks) and not name.endswith("LMHeadModel"):
        return f"the class is {plain(name)}"
    either = any_of(given("use_bidirectional_attention"), equal(is_causal=False))
    # BERT and its kin decode only where their config says so.
    switched = code(r"is_decoder\b[\s\S]*create_bidirectional_mask")
    asked = source.config.get("is_decoder") is False
    return either(source) or (switched(source) if asked else None)


def routed_attention(source: Source) -> str | None:
    """Each token has the heads that a router chooses, as in JetMoe."""
    both = source.config.get("kv_channels") and source.config.get("num_local_experts")
    return "kv_channels with num_local_experts" if both else None


def _quantised(source: Source) -> str | None:
    found = source.config.get("quantization_config")
    if not found:
        return None
    method = found.get("quant_method") if isinstance(found, dict) else found
    return f"quantization_config.quant_method = {shown(method)}"


def quantised_natively(source: Source) -> str | None:
    """Quantised in a way that some of MAX's architectures load."""
    return _quantised(source) if _method(source) in PER_ARCHITECTURE else None


def quantised_otherwise(source: Source) -> str | None:
    """Quantised in a way that none of MAX's architectures loads."""
    return None if _method(source) in PER_ARCHITECTURE else _quantised(source)


def _method(source: Source) -> str | None:
    found = source.config.get("quantization_config")
    method = found.get("quant_method") if isinstance(found, dict) else None
    return method if isinstance(method, str) else None


def no_weights(source: Source) -> str | None:
    """Files are listed, and none is in a format that MAX loads."""
    if not source.files or any(n.endswith((".safetensors", ".gguf")) for n in source.files):
        return None
    others = [n for n in source.files if n.endswith((".bin", ".pt", ".pth", ".msgpack", ".h5"))]
    return f"no *.safetensors and no *.gguf{f', but {shown(others[0])}' if others else ''}"


def uncommon_rope(source: Source) -> str | None:
    """The rotation is scaled in a rare way, or differs by layer."""
    config = source.config
    for key in ("rope_parameters", "rope_scaling"):
        found = config.get(key)
        if not isinstance(found, dict):
            continue
        kind = found.get("rope_type", found.get("type"))
        if not (kind is None or isinstance(kind, str)) or kind not in ROPES:
            return f"{key} is of type {shown(kind)}"
        if any(isinstance(value, dict) for value in found.values()):
            return f"{key} differs by kind of layer"
        for odd in ("mrope_section", "alpha", "llama_4_scaling_beta"):
            if found.get(odd) not in (None, 1.0):
                return f"{key}.{odd} = {shown(found[odd])}"
    return given("rope_local_base_freq")(source)


def uncommon_heads(source: Source) -> str | None:
    """Sizes of the heads do not follow from each other as they mostly do."""
    config = source.config
    hidden, heads, head_dim, kv_heads = sizes(config)
    if hidden and heads and head_dim and head_dim * heads != hidden:
        return f"{heads} heads of {head_dim} are not hidden_size {hidden}"
    if heads and kv_heads and heads % kv_heads:
        return f"{kv_heads} key-value heads do not divide {heads} heads"
    if config.get("kv_lora_rank") and heads and kv_heads != heads:
        return f"MLA with {kv_heads} key-value heads for {heads} heads"
    return None


def unmeasured_heads(source: Source) -> str | None:
    """No measurement compared attention at this head size."""
    head_dim = sizes(source.config)[2]
    if head_dim is None or head_dim in HEAD_DIMS:
        return None
    return f"heads of {head_dim}; measured were {', '.join(map(str, HEAD_DIMS))}"


def _activation(source: Source) -> str | None:
    """What the config says of the MLP's activation, as transformers looks it up."""
    own = ACTIVATIONS[:3]  # of other keys, the class has a table of its own
    found = [source.config[key] for key in own if isinstance(source.config.get(key), str)]
    return found[0] if found else None


def unknown_activation(source: Source) -> str | None:
    """The activation is none of transformers'."""
    name, known = _activation(source), installed.activations()
    return f"activation {shown(name)}" if name and known and name not in known else None


def new_activation(source: Source) -> str | None:
    """The activation is one of transformers', and not of common/layers."""
    name = _activation(source)
    new = name in installed.activations() and name not in installed.common_activations()
    return f"activation {shown(name)}" if new else None


def no_window(source: Source) -> str | None:
    """A sliding window is named, and is none."""
    window = source.config.get("sliding_window")
    if window == 0 and window is not False and window is not None:
        return "sliding_window = 0"
    off = source.config.get("use_sliding_window") is False
    return f"sliding_window = {shown(window)}, but it is switched off" if window and off else None


def narrow_embedding(source: Source) -> str | None:
    """The embedding is projected to the hidden size."""
    width, hidden = (number(source.config, key) for key in ("word_embed_proj_dim", "hidden_size"))
    return f"word_embed_proj_dim {width} of {hidden}" if width and width != hidden else None
