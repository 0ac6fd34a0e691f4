# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How a port goes wrong: what is seen, what usually causes it, and how to tell.

Run as a module it prints docs/divergences.md, which is made from these tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hunt.causes import CAUSES


@dataclass(frozen=True)
class Symptom:
    """What a comparison shows.

    Attributes:
        key: Names it; commands print it.
        seen: What it looks like.
        measured: How to see it.
        causes: Keys of :data:`hunt.causes.CAUSES`, the likeliest first.
    """

    key: str
    seen: str
    measured: str
    causes: tuple[str, ...]


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

<!-- Made from hunt/symptoms.py and hunt/causes.py by
     .venv/bin/python -m hunt.symptoms > docs/divergences.md -->

What is seen when a port answers wrongly, and what usually causes it. Several causes look alike, so
read every one that is listed: the bug is the one that was not checked. At position 0 a rotation
changes nothing, and attention sees a single token. So what is wrong there does not come from RoPE,
the mask or the scale of scores.
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
