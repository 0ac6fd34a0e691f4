# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How a port goes wrong: what is seen, what usually causes it, and how to tell.

Run as a module it prints docs/divergences.md, which is made from these tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A fault that ports have had.

    Attributes:
        what: The fault.
        check: What to look at.
    """

    what: str
    check: str


@dataclass(frozen=True)
class Symptom:
    """What a comparison shows.

    Attributes:
        key: Names it; commands print it.
        seen: What it looks like.
        measured: How to see it.
        causes: Keys of :data:`CAUSES`, the likeliest first.
    """

    key: str
    seen: str
    measured: str
    causes: tuple[str, ...]


#: By key. At position 0 a rotation is none, and attention to a single token is that token's value,
#: whatever q and k are; so no cause is both a first token's and a later one's.
CAUSES: Mapping[str, Cause] = {
    "embedding-scale": Cause(
        "embeddings are multiplied, and the port does not, or by another number",
        "embed_scale, embedding_multiplier, hidden_size ** 0.5, and in which dtype it is rounded",
    ),
    "norm-kind": Cause(
        "LayerNorm for RMSNorm or the other way; weight for 1 + weight; a norm without weight",
        "the forward of the norm's class, not its name",
    ),
    "norm-place": Cause(
        "a norm before the sublayer for one after it, or two norms exchanged",
        "the decoder layer's forward, line by line",
    ),
    "norm-eps": Cause(
        "another epsilon, or under another key",
        "rms_norm_eps, layer_norm_eps, norm_epsilon; the default of the config class",
    ),
    "residual-wiring": Cause(
        "parallel for sequential residual, or a branch that starts from the wrong tensor",
        "which tensor each residual is, before or after the norm",
    ),
    "residual-scale": Cause(
        "a sublayer's output is scaled before it is added",
        "residual_multiplier, scale_depth / num_hidden_layers ** 0.5",
    ),
    "activation": Cause(
        "another activation: erf, tanh and quick GELU are three functions",
        "hidden_act and hidden_activation, and which of them the reference reads",
    ),
    "gate-up": Cause(
        "gate and up exchanged, or split at the wrong half of a fused matrix",
        "the reference's chunk or split, and which half meets the activation",
    ),
    "bias": Cause(
        "a bias that the port leaves out or adds",
        "attention_bias, mlp_bias, use_bias, and bias= of each nn.Linear; q, k, v and o may differ",
    ),
    "qkv-split": Cause(
        "a fused QKV split in the wrong order: whole, by head, or by group",
        "the view and split after the fused projection",
    ),
    "head-groups": Cause(
        "query heads meet the wrong key-value head",
        "repeat_kv: neighbouring query heads share one; num_key_value_heads; head_dim when it is"
        " not hidden_size / num_attention_heads",
    ),
    "weight-exchanged": Cause(
        "a weight holds the values of another: of a sibling, or of another layer",
        "RenameParts and Rename in weight_adapters.py; ./ports weights",
    ),
    "weight-damaged": Cause(
        "some rows of a weight are moved, cut, doubled or read in another dtype",
        "rules that split or stack; padding to a multiple; the file's checksum",
    ),
    "transposed": Cause(
        "a matrix stored input by output",
        "Conv1D of GPT-2 and its like; a square matrix gives no error of shapes",
    ),
    "expert-order": Cause(
        "experts stacked in another order",
        "sorted by name, 10 comes before 2",
    ),
    "rope-layout": Cause(
        "interleaved pairs for split halves, or rows permuted twice or not at all",
        "rotate_half and apply_rotary_pos_emb; CanonicalRope in weight_adapters.py, for q, k, their"
        " biases and their norms",
    ),
    "rope-theta": Cause(
        "another base of the frequencies",
        "rope_theta, rope_parameters; one base for local and another for global layers",
    ),
    "rope-scaling": Cause(
        "linear, dynamic, llama3, yarn or longrope scaling missed, or its attention factor",
        "rope_scaling or rope_parameters, and the length from which it changes",
    ),
    "rope-partial": Cause(
        "all columns of a head are rotated instead of some, or the other ones",
        "partial_rotary_factor, rotary_pct, rotary_dim",
    ),
    "rope-layers": Cause(
        "layers without RoPE get one, or the other way; the list says the opposite of its name",
        "no_rope_layers, no_rope_layer_interval, layer_types, and off by one in the period",
    ),
    "attention-scale": Cause(
        "scores are not divided by the square root of head_dim",
        "attention_multiplier, query_pre_attn_scalar, scale_attn_by_inverse_layer_idx",
    ),
    "qk-norm": Cause(
        "q and k are normed, and the port does not; over a head or all heads; before or after RoPE",
        "q_norm and k_norm: the shape of the weight, and the lines between them and the rotation",
    ),
    "attention-softcap": Cause(
        "attention scores are bounded by a tanh",
        "attn_logit_softcapping",
    ),
    "sinks": Cause(
        "a learned logit of each head takes part in the softmax, and stands for no token",
        "sinks in the attention's forward",
    ),
    "mask": Cause(
        "a mask of another shape: a prefix seen from both sides, ALiBi, blocks",
        "create_causal_mask and its siblings in the model's forward",
    ),
    "window": Cause(
        "a sliding window off by one, on the wrong layers, or none",
        "sliding_window, layer_types; the token itself counts in transformers",
    ),
    "cache-position": Cause(
        "decode writes or reads the cache at another position, or rotates by it",
        "the same tokens as one prefill: if that is right, the graph is and the cache is not",
    ),
    "cache-window": Cause(
        "the window counts otherwise in decode than in prefill",
        "lengths on both sides of the window, one token at a time",
    ),
    "ragged": Cause(
        "rows of a batch are mixed up: offsets, or the last token of another row",
        "each prompt alone, then together",
    ),
    "router-scores": Cause(
        "softmax for sigmoid, before for after the choice of the top k, or a capped router",
        "the router's forward",
    ),
    "router-norm": Cause(
        "the weights of the chosen experts are or are not made to sum to 1, or are scaled",
        "norm_topk_prob, routed_scaling_factor",
    ),
    "router-bias": Cause(
        "the correction of a router chooses experts, and does not weigh them",
        "e_score_correction_bias; n_group and topk_group, which limit the choice",
    ),
    "shared-experts": Cause(
        "an expert that every token uses is left out, or its gate is",
        "shared_expert, shared_expert_gate, n_shared_experts; the first layers may be dense",
    ),
    "tied-head": Cause(
        "the head shares the embedding, or does not, against the config",
        "tie_word_embeddings and its default in the config class; lm_head.weight among the tensors",
    ),
    "logit-scale": Cause(
        "logits are multiplied or divided",
        "logit_scale, logits_scaling, lm_head_multiplier, hidden_size over a base",
    ),
    "logit-softcap": Cause(
        "logits are bounded by a tanh",
        "final_logit_softcapping, and whether it comes before or after a scale",
    ),
    "final-norm": Cause(
        "the last norm is left out, or is another kind than the others",
        "the end of the model's forward",
    ),
    "vocabulary": Cause(
        "rows of padding in the embedding, or a vocabulary of another size than the head's",
        "vocab_size against the header of the embedding (./ports inspect)",
    ),
    "layer-pattern": Cause(
        "layers of two kinds alternate otherwise than the port has it",
        "layer_types, first_k_dense_replace, and whether layers count from 0 or 1",
    ),
    "rounding": Cause(
        "what the reference computes in float32 is rounded to bfloat16, or the order of a cast",
        "the same in float32 on both sides: if that agrees, it is rounding",
    ),
    "overflow": Cause(
        "a mask's smallest number, a softmax or a norm overflows",
        "the dtype; the first layer with a value that is no number",
    ),
    "unloaded": Cause(
        "tensors that no weight was loaded into",
        "what transformers says when it loads; ./ports weights",
    ),
    "reference": Cause(
        "the reference is wrong here: its class, its revision, its attention in this mode",
        "eager against sdpa; the class in config.json; the model card's own example",
    ),
    "tokenizer": Cause(
        "other tokens: a missing beginning of text, another template, another normalisation",
        "token ids on both sides, before any logit",
    ),
    "sampling": Cause(
        "the server samples: a default temperature or penalty of generation_config.json",
        "temperature 0 and no penalty on both sides",
    ),
}

#: What ``./ports compare`` can see, through the API.
SERVED = (
    Symptom(
        "wrong-at-first-token",
        "wrong for a prompt of one token",
        "compare: the probe of 1 token diverges",
        (
            *("tokenizer", "norm-kind", "activation", "residual-wiring", "tied-head"),
            *("embedding-scale", "logit-scale", "gate-up", "bias", "qkv-split", "norm-place"),
            *("head-groups", "residual-scale", "transposed", "logit-softcap", "final-norm"),
            *("norm-eps", "router-norm", "router-scores", "router-bias", "shared-experts"),
            *("expert-order", "sinks", "layer-pattern", "unloaded", "vocabulary"),
        ),
    ),
    Symptom(
        "wrong-from-some-length",
        "right for one token, wrong from some length on",
        "compare: the probe of 1 token is aligned, a longer one is not",
        (
            *("rope-layout", "qk-norm", "attention-scale", "rope-theta", "rope-partial"),
            *("rope-layers", "window", "mask", "attention-softcap", "rope-scaling"),
        ),
    ),
    Symptom(
        "text-parts",
        "every prompt is right, and the text that follows is not",
        "compare: all probes are aligned, the greedy texts part early",
        ("cache-position", "cache-window", "sampling", "rounding", "tokenizer"),
    ),
)

#: What tensors show, side by side: each after the same tokens, given right inputs.
TENSORS = (
    Symptom(
        "not-a-number",
        "not a number, or infinite",
        "the first tensor with such a value",
        ("overflow", "unloaded", "norm-eps"),
    ),
    Symptom(
        "reference-wrong",
        "the reference disagrees with itself",
        "its two attention forms differ by more than rounding; tensors were not loaded",
        ("reference", "unloaded", "mask"),
    ),
    Symptom(
        "constant-factor",
        "the right direction, and the same wrong length for every token",
        "cosine 1; the ratio of norms is one number, which is then sought in the config",
        (
            *("embedding-scale", "residual-scale", "logit-scale", "attention-scale"),
            *("router-norm", "norm-kind"),
        ),
    ),
    Symptom(
        "factor-by-channel",
        "each channel is off by a factor of its own, the same for every token",
        "the ratio of the two tensors depends on the channel alone",
        ("norm-kind", "norm-place", "final-norm"),
    ),
    Symptom(
        "constant-offset",
        "the difference is the same vector for every token",
        "the difference's variance over tokens is 0",
        ("bias", "norm-kind"),
    ),
    Symptom(
        "permuted-channels",
        "the right numbers in the wrong channels",
        "cosine far from 1; the sorted values of a token are equal",
        ("rope-layout", "qkv-split", "head-groups", "gate-up", "transposed", "expert-order"),
    ),
    Symptom(
        "some-channels",
        "some channels are wrong, and the others exact",
        "the error by channel: two groups, with nothing between them",
        ("rope-partial", "weight-damaged", "qkv-split", "weight-exchanged"),
    ),
    Symptom(
        "later-positions",
        "token 0 is right, every later one is wrong",
        "the error by token: rounding at 0, large from 1",
        (
            *("rope-layout", "qk-norm", "attention-scale", "mask"),
            *("rope-partial", "rope-layers", "attention-softcap"),
        ),
    ),
    Symptom(
        "grows-with-position",
        "the error grows with the position",
        "the error by token rises, from rounding at 0",
        ("rope-theta", "rope-scaling", "rope-partial", "cache-position", "rope-layers"),
    ),
    Symptom(
        "from-a-position",
        "right up to a position, wrong from there on",
        "the error by token steps up at one position, which is then sought in the config",
        ("window", "rope-scaling", "mask", "cache-window"),
    ),
    Symptom(
        "some-layers",
        "right in some layers, wrong in others, at a period",
        "the error that each layer adds",
        ("layer-pattern", "rope-layers", "window", "attention-scale"),
    ),
    Symptom(
        "every-mlp",
        "every MLP is wrong from right inputs, and attention is right",
        "the error that each sublayer adds",
        ("activation", "gate-up", "bias", "transposed"),
    ),
    Symptom(
        "sum-wrong",
        "sublayers are right, and the residual stream is not",
        "the error after the addition, with none before it",
        ("residual-wiring", "residual-scale", "norm-place"),
    ),
    Symptom(
        "some-tokens",
        "a few tokens are wrong in a layer with experts, the others exact",
        "the error by token: two groups, with nothing between them",
        ("router-bias", "router-scores", "rounding", "expert-order"),
    ),
    Symptom(
        "all-experts",
        "every token is wrong in a layer with experts, by much or by a factor",
        "the error that each layer adds; dense layers are right",
        ("router-norm", "router-scores", "shared-experts", "expert-order", "gate-up"),
    ),
    Symptom(
        "decode-only",
        "prefill is right, and decode is wrong at the same positions",
        "the same tokens, as one prefill and one by one",
        ("cache-position", "cache-window", "rope-scaling"),
    ),
    Symptom(
        "batch-only",
        "right alone, wrong beside other rows",
        "the same prompt alone and in a batch",
        ("ragged", "cache-position"),
    ),
    Symptom(
        "logits-only",
        "the last hidden state is right, and the logits are not",
        "the first difference is after the last layer",
        ("tied-head", "logit-scale", "logit-softcap", "final-norm", "bias", "vocabulary"),
    ),
    Symptom(
        "small-everywhere",
        "a small error that grows evenly with depth",
        "relative error without a step, 1e-3 or so",
        ("norm-eps", "rounding", "activation", "rope-scaling"),
    ),
)

SYMPTOMS = (*SERVED, *TENSORS)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (columns, ("---",) * len(columns), *rows)]


def _symptoms(symptoms: tuple[Symptom, ...]) -> list[str]:
    rows = ((f"**{s.key}**: {s.seen}", s.measured, ", ".join(s.causes)) for s in symptoms)
    return _table(("symptom", "measured by", "causes, the likeliest first"), rows)


HEAD = """# Divergences

<!-- Made from tools/divergences.py by .venv/bin/python -m tools.divergences -->

What is seen when a port answers wrongly, and what usually causes it. Several causes look alike, so
read every one that is listed: the bug is the one that was not checked. At position 0 a rotation is
none and attention has one token to see, so what is wrong there is not RoPE, the mask or the scale
of scores.
"""


def markdown() -> str:
    """Returns docs/divergences.md."""
    causes = ((key, cause.what, cause.check) for key, cause in CAUSES.items())
    lines = [
        *(HEAD, "## Through the API, by `./ports compare`", "", *_symptoms(SERVED)),
        *("", "## Tensor by tensor", "", *_symptoms(TENSORS)),
        *("", "## Causes", "", *_table(("cause", "the port's fault", "look at"), causes)),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
