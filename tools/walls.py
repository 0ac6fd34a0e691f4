# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""``ports check-walls``: what would stop a port, or cost it more than its layers show.

A wall is a row of a table: a level, what it is called, the sign of it in config.json or in the
list of files, why it is one, and what would lift it. Imports neither MAX nor torch.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from . import installed
from .output import plain, print_json
from .source import Source, open_source

BLOCKER, WARNING = "blocker", "warning"
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
ROPES = (None, "default", "linear", "llama3", "yarn", "longrope")


@dataclass(frozen=True)
class Finding:
    """A wall that a model has.

    Attributes:
        level: ``blocker`` or ``warning``.
        name: The wall's.
        evidence: What in the model shows it.
        why: Why it is a wall.
        lift: What would lift it.
    """

    level: str
    name: str
    evidence: str
    why: str
    lift: str


@dataclass(frozen=True)
class Wall:
    """A sign, and what it means; see :class:`Finding`.

    Attributes:
        sign: Returns the evidence in a model, or None.
    """

    level: str
    name: str
    sign: Callable[[Source], str | None]
    why: str
    lift: str


def shown(value: Any) -> str:
    """Returns a value of a config, cut to a few words."""
    try:
        text = plain(repr(value))
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 48 else f"{text[:45]}..."


def _texts(value: Any) -> list[str]:
    """Strings of a value that may be one, or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def number(config: Mapping[str, Any], *keys: str) -> int | None:
    """Returns the value of the first of ``keys`` that is a positive integer."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def class_name(config: Mapping[str, Any]) -> str | None:
    """Returns the first class that a config names, if it names one."""
    found = config.get("architectures")
    return next(iter(_texts(found)), None) if isinstance(found, list) else None


def sizes(config: Mapping[str, Any]) -> tuple[int | None, int | None, int | None, int | None]:
    """Returns hidden size, attention heads, their dimension, and key-value heads."""
    hidden = number(config, "hidden_size", "n_embd", "d_model")
    heads = number(config, "num_attention_heads", "n_head", "n_heads")
    head_dim = number(config, "head_dim", "attention_head_dim")
    if head_dim is None and hidden and heads:
        head_dim = hidden // heads
    kv_heads = 1 if config.get("multi_query") is True else heads
    return (
        hidden,
        heads,
        head_dim,
        number(config, "num_key_value_heads", "num_kv_heads") or kv_heads,
    )


def _listed(pairs: Iterable[tuple[str, Any]]) -> str | None:
    said = [f"{plain(key)} = {shown(value)}" for key, value in pairs]
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return ", ".join(said[:3]) + more or None


def _set(*patterns: str) -> Callable[[Source], str | None]:
    """The sign that a key is there, and neither null, false, 0 nor empty."""

    def sign(source: Source) -> str | None:
        return _listed(
            (key, value)
            for key, value in source.config.items()
            if value and any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)
        )

    return sign


def _equal(**wanted: Any) -> Callable[[Source], str | None]:
    """The sign that a key has a value."""

    def sign(source: Source) -> str | None:
        return _listed(
            (key, value)
            for key, value in wanted.items()
            if type(source.config.get(key)) is type(value) and source.config[key] == value
        )

    return sign


def _any(*signs: Callable[[Source], str | None]) -> Callable[[Source], str | None]:
    def sign(source: Source) -> str | None:
        return ", ".join(found for each in signs if (found := each(source))) or None

    return sign


def _remote(source: Source) -> str | None:
    name, known = class_name(source.config), installed.model_types()
    model_type = source.config.get("model_type")
    if not known or name is None or name in installed.transformers_classes():
        return None
    if isinstance(model_type, str) and model_type in known:
        return None
    code = "its code is the checkpoint's (auto_map)" if source.config.get("auto_map") else "no code"
    return f"transformers knows neither {plain(name)} nor {shown(model_type)}; {code}"


def _renamed(source: Source) -> str | None:
    name, model_type = class_name(source.config), source.config.get("model_type")
    classes = installed.transformers_classes()
    if not classes or name is None or name in classes or not isinstance(model_type, str):
        return None
    known = model_type in installed.model_types()
    return f"{plain(name)} is transformers' {model_type} by another name" if known else None


def _alibi(source: Source) -> str | None:
    config, nested = source.config, source.config.get("attn_config")
    if isinstance(nested, dict) and nested.get("alibi") is True:
        return "attn_config.alibi = True"
    if isinstance(nested, dict) and nested.get("alibi") is False:
        return None
    if config.get("model_type") in ("bloom", "mpt"):
        return f"model_type = {config['model_type']!r}"
    return _equal(alibi=True, position_embedding_type="alibi")(source)


def _layer_kinds(config: Mapping[str, Any]) -> list[str] | None:
    for key in LAYERS:
        value = config.get(key)
        if isinstance(value, str):
            # Nemotron-H's letters: M for Mamba, * for attention, - for an MLP.
            return [letter for letter in value if letter != "-"]
        if isinstance(value, list) and value:
            return _texts(value)
    return None


_STATE = _set(
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


def _state(source: Source) -> str | None:
    # Per layer if it says so: a hybrid class may have a checkpoint that only attends.
    kinds = _layer_kinds(source.config)
    if kinds is None:
        return _STATE(source)
    other = sorted({kind for kind in kinds if kind not in ATTENTION})
    return f"layers of kind {', '.join(map(shown, other[:4]))}" if other else None


def _cross(source: Source) -> str | None:
    config = source.config
    if config.get("encoder_layers") and config.get("decoder_layers"):
        return "encoder_layers and decoder_layers"
    return _set("is_encoder_decoder", "add_cross_attention", "cross_attention_layers")(source)


def _encoder(source: Source) -> str | None:
    name = class_name(source.config) or ""
    tasks = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "Model")
    if name.endswith(tasks) and not name.endswith("LMHeadModel"):
        return f"the class is {plain(name)}"
    either = _any(_set("use_bidirectional_attention"), _equal(is_causal=False))
    return either(source)


def _mixture_of_attention(source: Source) -> str | None:
    both = source.config.get("kv_channels") and source.config.get("num_local_experts")
    return "kv_channels with num_local_experts" if both else None


def _quantised(source: Source) -> str | None:
    found = source.config.get("quantization_config")
    if not found:
        return None
    method = found.get("quant_method") if isinstance(found, dict) else found
    return f"quantization_config.quant_method = {shown(method)}"


def _quantised_natively(source: Source) -> str | None:
    return _quantised(source) if _method(source) in PER_ARCHITECTURE else None


def _quantised_otherwise(source: Source) -> str | None:
    return None if _method(source) in PER_ARCHITECTURE else _quantised(source)


def _method(source: Source) -> str | None:
    found = source.config.get("quantization_config")
    method = found.get("quant_method") if isinstance(found, dict) else None
    return method if isinstance(method, str) else None


#: Quantisations that some of MAX's own architectures load.
PER_ARCHITECTURE = ("gptq", "awq", "fp8", "fbgemm_fp8", "compressed-tensors", "modelopt", "mxfp4")


def _no_weights(source: Source) -> str | None:
    if not source.files or any(n.endswith((".safetensors", ".gguf")) for n in source.files):
        return None
    others = [n for n in source.files if n.endswith((".bin", ".pt", ".pth", ".msgpack", ".h5"))]
    return f"no *.safetensors and no *.gguf{f', but {shown(others[0])}' if others else ''}"


def _rope(source: Source) -> str | None:
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
        for odd in ("mrope_section", "alpha", "llama_4_scaling_beta", "partial_rotary_factor"):
            if found.get(odd) not in (None, 1.0):
                return f"{key}.{odd} = {shown(found[odd])}"
    return _set("partial_rotary_factor", "rotary_pct", "rotary_dim", "rope_local_base_freq")(source)


def _shape(source: Source) -> str | None:
    config = source.config
    hidden, heads, head_dim, kv_heads = sizes(config)
    if hidden and heads and head_dim and head_dim * heads != hidden:
        return f"{heads} heads of {head_dim} are not hidden_size {hidden}"
    if heads and kv_heads and heads % kv_heads:
        return f"{kv_heads} key-value heads do not divide {heads} heads"
    if config.get("kv_lora_rank") and heads and kv_heads != heads:
        return f"MLA with {kv_heads} key-value heads for {heads} heads"
    return None


def _head_dim(source: Source) -> str | None:
    head_dim = sizes(source.config)[2]
    if head_dim is None or head_dim in HEAD_DIMS:
        return None
    return f"heads of {head_dim}; measured were {', '.join(map(str, HEAD_DIMS))}"


def _window(source: Source) -> str | None:
    window = source.config.get("sliding_window")
    if window == 0 and window is not False and window is not None:
        return "sliding_window = 0"
    off = source.config.get("use_sliding_window") is False
    return f"sliding_window = {shown(window)}, but it is switched off" if window and off else None


def _narrow_embedding(source: Source) -> str | None:
    width, hidden = (number(source.config, key) for key in ("word_embed_proj_dim", "hidden_size"))
    return f"word_embed_proj_dim {width} of {hidden}" if width and width != hidden else None


#: Every wall; the order is the order of the report.
WALLS: tuple[Wall, ...] = (
    Wall(
        BLOCKER,
        "no reference",
        _remote,
        "there is nothing to prove a port against, and nothing that reads the config",
        "a transformers release that has the class; code of a checkpoint is not run",
    ),
    Wall(
        BLOCKER,
        "ALiBi",
        _alibi,
        "MAX's attention kernel has no mask with a slope for each head",
        "two more dimensions of q and k carry slope and position, exactly, where the head size"
        " then is one of the kernel's; or attention in plain ops, for short contexts",
    ),
    Wall(
        BLOCKER,
        "attention softcap",
        _set("attn_logit_softcapping"),
        "MAX's flash_attention_ragged takes no softcap, and dropping it moves the logits by half"
        " a standard deviation",
        "a softcap in the kernel; or attention in plain ops, for short contexts",
    ),
    Wall(
        BLOCKER,
        "recurrent state",
        _state,
        "state-space, linear-attention and convolution layers keep a state that is no KV cache;"
        " MAX's kernels for them do not run on a CPU",
        "a portable scan, and a cache manager that holds states beside pages",
    ),
    Wall(
        BLOCKER,
        "latent attention",
        _set("kv_lora_rank"),
        "MLA caches a latent, not keys and values",
        "MAX's DeepSeek attention and cache instead of the common one",
    ),
    Wall(
        BLOCKER,
        "cross-attention",
        _cross,
        "a decoder that reads an encoder's output needs a second kind of cache",
        "a pipeline with an encoder; this one has a decoder only",
    ),
    Wall(
        BLOCKER,
        "no causal decoder",
        _encoder,
        "encoders and classifiers are served by another pipeline task, with other masks",
        "a port to that task",
    ),
    Wall(
        BLOCKER,
        "multimodal",
        _set(
            *("vision_config", "audio_config", "text_config", "thinker_config", "image_token_id"),
            *("*_token_index", "speech_*"),
        ),
        "the text model is inside another: its keys and tensors have a prefix, and its inputs are"
        " more than tokens",
        "a port of the text model alone, from a checkpoint of it; or MAX's multimodal pipelines",
    ),
    Wall(
        BLOCKER,
        "relative position bias",
        _set(
            *("relative_attention_num_buckets", "position_buckets", "position_bias_num_buckets"),
            "pos_att_type",
        ),
        "MAX's attention kernel takes no learned bias",
        "a bias argument of the kernel; or attention in plain ops, for short contexts",
    ),
    Wall(
        BLOCKER,
        "other attention",
        _any(
            _set("index_topk", "index_n_heads", "attention_chunk_size", "sparse_attention*"),
            _set("block_sparse*", "keep_window_size", "lambda_std_dev"),
            _mixture_of_attention,
        ),
        "sparse, chunked, differential or routed attention is not softmax over all earlier keys",
        "a kernel for it; or attention in plain ops, for short contexts",
    ),
    Wall(
        BLOCKER,
        "layers out of line",
        _set(
            *("num_kv_shared_layers", "altup_num_inputs", "hidden_size_per_layer_input"),
            *("num_mem_blocks", "use_shared_attention_adapter", "H_cycles", "zero_expert_num"),
            "patch_in_forward",
        ),
        "layers that share caches or weights, repeat, or see patches are no list of blocks",
        "a decoder of its own, and a cache laid out for it",
    ),
    Wall(
        BLOCKER,
        "quantised",
        _quantised_otherwise,
        "nothing here or in MAX loads this quantisation",
        "a bfloat16 checkpoint of the model",
    ),
    Wall(
        BLOCKER,
        "quantised, per architecture",
        _quantised_natively,
        "MAX loads this quantisation in some of its architectures; a port refuses what was not"
        " tested",
        "a bfloat16 checkpoint of the model; or the port's own encoding and its proof",
    ),
    Wall(
        BLOCKER,
        "no weights to load",
        _no_weights,
        "MAX loads safetensors or GGUF",
        "the checkpoint saved again by transformers: save_pretrained writes safetensors",
    ),
    Wall(
        WARNING,
        "hub alias",
        _renamed,
        "MAX looks for the name that config.json gives, not for transformers'",
        "registering the port under both names",
    ),
    Wall(
        WARNING,
        "uncommon RoPE",
        _rope,
        "frequencies or rotated columns are not the plain ones",
        "a rule of common/config/rope.py and CanonicalRope, with its witness",
    ),
    Wall(
        WARNING,
        "legacy spelling",
        _set(
            *("rope_theta", "rope_scaling", "rotary_pct", "rotary_emb_base", "rotary_dim"),
            *("sliding_window_pattern", "layers_block_type", "hidden_activation", "torch_dtype"),
        ),
        "transformers 5 folds it into another key when it loads the config",
        "reading through the config object; the port's LEGACY names the key",
    ),
    Wall(
        WARNING,
        "uncommon heads",
        _shape,
        "code that derives one size from the others gets it wrong",
        "reading each size from its own key",
    ),
    Wall(
        WARNING,
        "head size not measured",
        _head_dim,
        "MAX compiles attention for certain head sizes",
        "a fixture of this size that holds; or padding the heads",
    ),
    Wall(
        WARNING,
        "window that is none",
        _window,
        "0, or a window that is switched off, means full attention",
        "reading the switch first",
    ),
    Wall(
        WARNING,
        "branch of the class",
        _any(
            _set(
                *("scale_attn_by_inverse_layer_idx", "clip_qkv", "use_parallel_residual"),
                *("multi_query", "new_decoder_architecture", "qk_layernorm", "use_qk_norm"),
                *("use_post_norm", "mup_enabled", "lm_head_bias", "tie_word_embeddings"),
                "apply_residual_connection_post_layernorm",
            ),
            _equal(scale_attn_weights=False, do_layer_norm_before=False),
            _narrow_embedding,
        ),
        "the class has another branch without it",
        "a fixture for each branch",
    ),
    Wall(
        WARNING,
        "tensors of extra predictions",
        _set("num_nextn_predict_layers", "mtp_*", "n_predict"),
        "the checkpoint holds layers that plain decoding does not use",
        "a Drop rule for them, with this reason",
    ),
    Wall(
        WARNING,
        "float16 weights",
        _equal(torch_dtype="float16", dtype="float16"),
        "MAX's encodings are float32 and bfloat16; float16's range of small numbers is another",
        "the cast at load, and a proof of it",
    ),
)


def found(source: Source) -> list[Finding]:
    """Returns the walls of a model, blockers first; reads its config and the names of its files."""
    return [
        Finding(wall.level, wall.name, evidence, wall.why, wall.lift)
        for wall in WALLS
        if (evidence := wall.sign(source))
    ]


def verdict(findings: Iterable[Finding]) -> int:
    """Returns 2 if a finding blocks, 1 if all only warn, 0 if there is none."""
    levels = {finding.level for finding in findings}
    return 2 if BLOCKER in levels else int(bool(levels))


#: What the verdicts mean, by exit code.
VERDICTS = ("no walls", "no wall, but mind these", "walls")


def check_walls(
    model: Annotated[str, typer.Argument(help="A directory, or a name of the Hub.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Looks for what would stop a port: exit code 0 none, 1 warnings, 2 blockers.

    Each with its evidence, why it is a wall, and what would lift it.

    Example: ./ports check-walls google/gemma-2-2b
    """
    findings = found(open_source(model))
    code = verdict(findings)
    if as_json:
        listed = [asdict(finding) for finding in findings]
        print_json({"model": model, "verdict": code, "findings": listed})
    else:
        _print(model, findings, code)
    raise typer.Exit(code)


def _print(model: str, findings: list[Finding], code: int) -> None:
    console = Console(highlight=False)
    for finding in findings:
        colour = "red" if finding.level == BLOCKER else "yellow"
        console.print(
            f"[bold {colour}]{finding.level}[/] [bold]{finding.name}[/]: {escape(finding.evidence)}"
        )
        console.print(f"  {escape(finding.why)}", style="dim")
        console.print(f"  lifted by: {escape(finding.lift)}")
    console.print(f"{escape(plain(model))}: {VERDICTS[code]}")
