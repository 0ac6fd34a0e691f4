# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports check-walls``: what would stop a port, or cost it more than its layers show.

A wall is a row of a table: a level, what it is called, the sign of it in config.json, the list of
files or the reference, why it is one, and what would lift it. Imports neither MAX nor torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.markup import escape

from tools.terminal.output import plain, print_json, printer

from . import signs
from .refusal import refusal
from .source import Source, open_source

BLOCKER, WARNING = "blocker", "warning"


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
        part: What the name of a part has in it, if one in a port's decoder lifts the wall.
    """

    level: str
    name: str
    sign: Callable[[Source], str | None]
    why: str
    lift: str
    part: str | None = None


#: Every wall; the order is the order of the report.
WALLS: tuple[Wall, ...] = (
    Wall(
        BLOCKER,
        "no reference",
        signs.no_reference,
        "there is nothing to prove a port against, and nothing that reads the config",
        "a transformers release that has the class; code of a checkpoint is not run",
    ),
    Wall(
        BLOCKER,
        "ALiBi",
        signs.alibi,
        "MAX's attention kernel has no mask with a slope for each head",
        "two more dimensions of q and k carry slope and position, exactly, where the head size"
        " then is one of the kernel's; or attention in plain ops, for short contexts",
        part="alibi",
    ),
    Wall(
        BLOCKER,
        "attention softcap",
        signs.given("attn_logit_softcapping"),
        "MAX's flash_attention_ragged takes no softcap, and dropping it moves the logits by half"
        " a standard deviation",
        "a softcap in the kernel; or attention in plain ops, for short contexts",
        part="softcap",
    ),
    Wall(
        BLOCKER,
        "attention sinks",
        signs.code(r"\bself\.sinks\b"),
        "on a CPU MAX's kernel reads sinks of the wrong rows, from the second of a batch on",
        "attention in plain ops on CPUs, and the kernel on GPUs",
        part="sinks",
    ),
    Wall(
        BLOCKER,
        "recurrent state",
        signs.recurrent_state,
        "state-space, linear-attention and convolution layers keep a state that is no KV cache;"
        " MAX's kernels for them do not run on a CPU",
        "a portable scan, and a cache manager that holds states beside pages",
    ),
    Wall(
        BLOCKER,
        "latent attention",
        signs.any_of(signs.given("kv_lora_rank"), signs.code(r"\bkv_lora_rank\b")),
        "MLA caches a latent, not keys and values",
        "MAX's DeepSeek attention and cache instead of the common one",
    ),
    Wall(
        BLOCKER,
        "cross-attention",
        signs.cross_attention,
        "a decoder that reads an encoder's output needs a second kind of cache",
        "a pipeline with an encoder; this one has a decoder only",
    ),
    Wall(
        BLOCKER,
        "no causal decoder",
        signs.no_decoder,
        "encoders and classifiers are served by another pipeline task, with other masks",
        "a port to that task",
    ),
    Wall(
        BLOCKER,
        "multimodal",
        signs.given(
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
        signs.any_of(
            signs.given(
                *("relative_attention_num_buckets", "position_buckets", "pos_att_type"),
                "position_bias_num_buckets",
            ),
            signs.code(r"\brel_(?:logits|bias|shift|positions\w*)\b|relative_attention_bias"),
        ),
        "MAX's attention kernel takes no learned bias",
        "a bias argument of the kernel; or attention in plain ops, for short contexts",
        part="relativebias",
    ),
    Wall(
        BLOCKER,
        "other attention",
        signs.any_of(
            signs.given("index_topk", "index_n_heads", "attention_chunk_size", "sparse_attention*"),
            signs.given("block_sparse*", "keep_window_size", "lambda_std_dev"),
            signs.code(r"\w*[Ii]ndexer\b|[Bb]lock_?[Ss]parse\w*Attention|\blambda_(?:q1|init)\b"),
            signs.routed_attention,
        ),
        "sparse, chunked, differential or routed attention is not softmax over all earlier keys",
        "a kernel for it; or attention in plain ops, for short contexts",
    ),
    Wall(
        BLOCKER,
        "layers out of line",
        signs.any_of(
            signs.given(
                *("num_kv_shared_layers", "altup_num_inputs", "hidden_size_per_layer_input"),
                *("num_mem_blocks", "use_shared_attention_adapter", "H_cycles", "zero_expert_num"),
                "patch_in_forward",
            ),
            signs.code(r"\bn_\w*loops\b|\bloop_layer_\w+|[Hh]yper_?[Cc]onnection"),
        ),
        "layers that share caches or weights, repeat, or see patches are no list of blocks",
        "a decoder of its own, and a cache laid out for it",
    ),
    Wall(
        BLOCKER,
        "quantised",
        signs.quantised_otherwise,
        "nothing here or in MAX loads this quantisation",
        "a bfloat16 checkpoint of the model",
    ),
    Wall(
        BLOCKER,
        "quantised, per architecture",
        signs.quantised_natively,
        "MAX loads this quantisation in some of its architectures; a port refuses what was not"
        " tested",
        "a bfloat16 checkpoint of the model; or the port's own encoding and its proof",
    ),
    Wall(
        BLOCKER,
        "no weights to load",
        signs.no_weights,
        "MAX loads safetensors or GGUF",
        "the checkpoint saved again by transformers: save_pretrained writes safetensors",
    ),
    Wall(
        BLOCKER,
        "unknown activation",
        signs.unknown_activation,
        "transformers has no activation of this name",
        "a name of transformers/activations.py",
    ),
    Wall(
        WARNING,
        "activation to add",
        signs.new_activation,
        "no part of common/layers computes it",
        "a row of ACTIVATIONS in common/layers/mlp.py",
    ),
    Wall(
        WARNING,
        "hub alias",
        signs.renamed,
        "MAX looks for the name that config.json gives, not for transformers'",
        "registering the port under both names",
    ),
    Wall(
        WARNING,
        "uncommon RoPE",
        signs.uncommon_rope,
        "frequencies or rotated columns are not the plain ones",
        "a rule of common/config/rope.py and CanonicalRope, with its witness",
    ),
    Wall(
        WARNING,
        "uncommon heads",
        signs.uncommon_heads,
        "code that derives one size from the others gets it wrong",
        "reading each size from its own key",
    ),
    Wall(
        WARNING,
        "head size not measured",
        signs.unmeasured_heads,
        "MAX compiles attention for certain head sizes",
        "a fixture of this size that holds; or padding the heads",
    ),
    Wall(
        WARNING,
        "window that is none",
        signs.no_window,
        "0, or a window that is switched off, means full attention",
        "reading the switch first",
    ),
    Wall(
        WARNING,
        "branch of the class",
        signs.any_of(
            signs.given(
                *("scale_attn_by_inverse_layer_idx", "clip_qkv", "use_parallel_residual"),
                *("multi_query", "new_decoder_architecture", "qk_layernorm", "use_qk_norm"),
                *("use_post_norm", "mup_enabled", "lm_head_bias"),
                "apply_residual_connection_post_layernorm",
            ),
            signs.equal(scale_attn_weights=False, do_layer_norm_before=False),
            signs.narrow_embedding,
        ),
        "the class has another branch without it",
        "a fixture for each branch",
    ),
    Wall(
        WARNING,
        "tensors of extra predictions",
        signs.given("num_nextn_predict_layers", "mtp_*", "n_predict"),
        "the checkpoint holds layers that plain decoding does not use",
        "a Drop rule for them, with this reason",
    ),
)


def found(source: Source, has: Callable[[str], bool] = lambda part: False) -> list[Finding]:
    """Returns the walls of a model, blockers first; reads its config and the names of its files.

    Args:
        source: The model.
        has: Whether a port of it has a part of a name; such a part lifts its wall.
    """
    return [
        Finding(wall.level, wall.name, evidence, wall.why, wall.lift)
        for wall in WALLS
        if not (wall.part and has(wall.part)) and (evidence := wall.sign(source))
    ]


def verdict(findings: Iterable[Finding]) -> int:
    """Returns 2 if a finding blocks, 1 if all only warn, 0 if there is none."""
    levels = {finding.level for finding in findings}
    return 2 if BLOCKER in levels else int(bool(levels))


REFUSED = "a port serves the class, and `./ports serve` ends with this line"

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
    source = open_source(model)
    findings = found(source)
    if line := refusal(source):
        findings.insert(0, Finding(BLOCKER, "refused", line, REFUSED, "what the line says"))
    code = verdict(findings)
    if as_json:
        listed = [asdict(finding) for finding in findings]
        print_json({"model": model, "verdict": code, "findings": listed})
    else:
        _print(model, findings, code)
    raise typer.Exit(code)


def _print(model: str, findings: list[Finding], code: int) -> None:
    console = printer()
    for finding in findings:
        colour = "red" if finding.level == BLOCKER else "yellow"
        console.print(
            f"[bold {colour}]{finding.level}[/] [bold]{finding.name}[/]: {escape(finding.evidence)}"
        )
        console.print(f"  {escape(finding.why)}", style="dim")
        console.print(f"  lifted by: {escape(finding.lift)}")
    console.print(f"{escape(plain(model))}: {VERDICTS[code]}")
