# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The divergence hunt: a port and its reference on the same tokens, tensor by tensor.

The reference is judged first, then the port's prefill, then its decode through the paged cache;
where decode alone is wrong, one prefill over the same tokens tells the cache from the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.compiled.target import Target
from common.declaration import Port
from proof.checks import MAX_SDPA
from proof.harness import MAX_LENGTH, build
from proof.metrics import moved

from .diagnosis import (
    ROUNDING,
    Cause,
    Rounding,
    Scene,
    Taps,
    TensorDifference,
    diagnose,
    differences,
    first_wrong,
)
from .reference_taps import TappedReference
from .subject import Subject
from .taps import run, tapping

Table = Mapping[str, Sequence[str]]


@dataclass
class Hunt:
    """What was found.

    Attributes:
        slug: The port.
        encoding: What it computes in.
        tokens: The prompt, and what was decoded after it.
        prefill: Length of the prompt.
        oracle: Why the reference is none, if it is not.
        uncompared: Tensors of the port that the reference has no counterpart of.
        prefilled: The prompt's tensors, in the graph's order.
        decoded: The same of the tokens decoded one by one.
        whole: The same of all tokens in one prefill.
        phase: ``prefill`` or ``decode``, where the first wrong tensor is; empty if none is.
        symptoms: What it looks like.
        causes: What may be the cause, the likeliest first.
    """

    slug: str
    encoding: str
    tokens: list[int]
    prefill: int
    oracle: list[str] = field(default_factory=list)
    uncompared: list[str] = field(default_factory=list)
    prefilled: list[TensorDifference] = field(default_factory=list)
    decoded: list[TensorDifference] = field(default_factory=list)
    whole: list[TensorDifference] = field(default_factory=list)
    phase: str = ""
    symptoms: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the reference is sound and no tensor is wrong."""
        return not self.oracle and self.first is None

    @property
    def first(self) -> TensorDifference | None:
        """The first wrong tensor."""
        return first_wrong(self.prefilled) or first_wrong(self.decoded)

    @property
    def cache(self) -> bool:
        """Whether decode is wrong where one prefill over the same tokens is right."""
        wrong = self.phase == "decode" and bool(self.whole)
        return wrong and first_wrong(self.whole) is None

    @property
    def shown(self) -> list[TensorDifference]:
        """The phase that the first wrong tensor is in; the prefill if there is none."""
        return self.decoded if self.phase == "decode" else self.prefilled

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        first = self.first
        return {
            "port": self.slug,
            "encoding": self.encoding,
            "tokens": self.tokens,
            "prefill": self.prefill,
            "clean": self.clean,
            "oracle": self.oracle,
            "phase": self.phase,
            "cache": self.cache,
            "first": first.to_json() if first else None,
            "symptoms": self.symptoms,
            "causes": [vars(cause) for cause in self.causes],
            "uncompared": self.uncompared,
            "prefilled": [_brief(d) for d in self.prefilled],
            "decoded": [_brief(d) for d in self.decoded],
        }


def _brief(found: TensorDifference) -> dict[str, Any]:
    return {key: value for key, value in found.to_json().items() if key != "by_channel"}


def check_reference(reference: TappedReference, tokens: Sequence[int], port: Port) -> list[str]:
    """Returns why a reference cannot be believed on these tokens; empty if it can."""
    problems = []
    if unloaded := reference.oracle.unloaded:
        named = ", ".join(unloaded[:5]) + (", …" if len(unloaded) > 5 else "")
        problems.append(f"the checkpoint has no tensor for {len(unloaded)} of its weights: {named}")
    taps = reference.taps(tokens)
    bad = [name for name, tensor in taps.items() if not np.isfinite(tensor).all()]
    if bad:
        problems.append(f"it computes values that are no numbers, first in {_earliest(bad)}")
    else:
        logits = {name: reference.logits(tokens, name) for name in ("eager", "sdpa")}
        apart = moved(logits["sdpa"], logits["eager"])
        if not apart <= MAX_SDPA and not port.sdpa_differs:
            problems.append(
                f"its logits differ by {apart:.1e} σ between eager and sdpa attention:"
                " one of them is wrong here"
            )
    return problems


def _earliest(names: Sequence[str]) -> str:
    def order(name: str) -> tuple[int, int]:
        words = name.split(".")
        if words[0] == "layers":
            return 1, int(words[1])
        return (0 if "embed" in name else 2), 0

    return min(names, key=order)


def hunt(
    subject: Subject,
    prompt: Sequence[int],
    steps: int,
    table: Table,
    progress: Callable[[str], None],
    *,
    encoding: str = "float32",
    max_length: int = MAX_LENGTH,
) -> Hunt:
    """Runs reference and port on the same tokens, and says which tensor differs first, and why.

    Args:
        subject: The checkpoint and its port.
        prompt: The tokens to prefill.
        steps: How many tokens to decode after them, through the cache.
        table: The causes of each symptom.
        progress: Is told what starts, in a few words.
        encoding: What the port computes in.
        max_length: The longest sequence the graph takes; the only length that it depends on.
    """
    progress("loading the reference, and looking whether it agrees with itself")
    reference = TappedReference(subject.directory, subject.weight_map, subject.tensors)
    if problems := check_reference(reference, prompt, subject.port):
        return Hunt(
            subject.port.model_type,
            encoding,
            [*prompt],
            len(prompt),
            oracle=problems,
            symptoms=["reference-wrong"],
            causes=[_of_reference(problem) for problem in problems],
        )
    progress("compiling the port with its taps (minutes when cold)")
    names: dict[str, list[str]] = {}
    with tapping(names):
        target = Target("cpu", encoding)
        model = build(subject.directory, max_batch_size=1, max_length=max_length, target=target)
    (taps,) = names.values()
    progress(f"prefill of {len(prompt)} tokens, and {steps} by the cache")
    return hunted(subject, reference, model, taps, prompt, steps, table, encoding=encoding)


def hunted(
    subject: Subject,
    reference: TappedReference,
    model: Any,
    taps: Sequence[str],
    prompt: Sequence[int],
    steps: int,
    table: Table,
    *,
    encoding: str = "float32",
) -> Hunt:
    """Runs a model that is compiled with its taps; the rest is as in :func:`hunt`."""
    tokens, taken = run(model, taps, prompt, steps)
    tokens = tokens[:-1]
    port = {name: np.concatenate([step[name] for step in taken]) for name in taps}
    whole = run(model, taps, tokens, 0)[1][0] if steps else None
    return judged(
        subject, tokens, len(prompt), port, reference.taps(tokens), whole, table, encoding
    )


def judged(
    subject: Subject,
    tokens: Sequence[int],
    prefill: int,
    port: Taps,
    reference: Taps,
    whole: Taps | None,
    table: Table,
    encoding: str = "float32",
) -> Hunt:
    """Compares taps, and says what they mean.

    Args:
        subject: The checkpoint and its port.
        tokens: All tokens.
        prefill: How many of them are the prompt.
        port: The port's taps: the prompt's, then those of each token decoded.
        reference: The reference's, of one pass over all tokens.
        whole: The port's, of one prefill over all tokens, if any was decoded.
        table: The causes of each symptom.
        encoding: What the port computes in.
    """
    rounding = ROUNDING[encoding]
    found = Hunt(subject.port.model_type, encoding, [*tokens], prefill)
    found.uncompared = [name for name in port if name not in reference]
    found.prefilled = _part(port, reference, slice(0, prefill), rounding)
    if whole is not None:
        found.decoded = _part(port, reference, slice(prefill, None), rounding)
        found.whole = differences(whole, reference, rounding)
    if found.first is None:
        return found
    found.phase = "prefill" if first_wrong(found.prefilled) else "decode"
    before = [d.error for d in found.shown[: found.shown.index(found.first)]]
    heads = subject.config.heads
    scene = Scene(
        port=port,
        reference=reference,
        wrong=found.first,
        prefill=prefill,
        config=subject.scalars(),
        weights=subject.weights(),
        heads=heads["num_heads"],
        kv_heads=heads["num_kv_heads"],
        head_dim=heads["head_dim"],
        noise=max([rounding.start / 4, *before]),
        decoding=found.phase == "decode",
        cache=found.cache,
    )
    found.symptoms, found.causes = diagnose(scene, table)
    return found


def _part(port: Taps, reference: Taps, rows: slice, rounding: Rounding) -> list[TensorDifference]:
    ours = {name: tensor[rows] for name, tensor in port.items()}
    theirs = {name: tensor[rows] for name, tensor in reference.items()}
    return differences(ours, theirs, rounding)


def _of_reference(problem: str) -> Cause:
    return Cause("unloaded" if "no tensor for" in problem else "reference", 1.0, problem)
