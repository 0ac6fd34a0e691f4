# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What prose can claim of a decoder, and how the built decoder answers.

The facts come from the module tree that a port's fixtures build, not from its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Facts:
    """What a port's built decoders contain.

    Attributes:
        classes: Names of the classes of all parts, with those they derive from.
        attributes: Names under which parts hang.
        weights: Names of the parameters.
        encodings: What the port registers.
        formats: Of files that the port has an adapter for.
        tied: Whether a fixture's head shares the embedding.
        partial: Whether a fixture rotates some columns of a head only.
        activations: The activations that fixtures name.
    """

    classes: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    weights: set[str] = field(default_factory=set)
    encodings: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    tied: bool = False
    partial: bool = False
    activations: set[str] = field(default_factory=set)

    def acts(self, *names: str) -> bool:
        """Whether a fixture's MLP has one of these activations."""
        return not self.activations.isdisjoint(names)

    def has(self, *fragments: str) -> bool:
        """Whether the name of a part's class contains one of ``fragments``."""
        return any(fragment in name.lower() for fragment in fragments for name in self.classes)


def _is_part(value: Any) -> bool:
    module = type(value).__module__
    return module.startswith(("common.layers", "max.nn")) or hasattr(value, "raw_state_dict")


def gather(decoders: Iterable[Any], architectures: Iterable[Any]) -> Facts:
    """Walks built decoders: modules, and the positions and masks they hold."""
    facts, seen = Facts(), set[int]()
    for architecture in architectures:
        facts.encodings |= set(architecture.supported_encodings)
        facts.formats |= {str(weights.name) for weights in architecture.weight_adapters}

    def walk(part: Any) -> None:
        if id(part) in seen:
            return
        seen.add(id(part))
        facts.classes |= {cls.__name__ for cls in type(part).__mro__}
        children = list(part) if type(part).__name__ == "LayerList" else []
        for name, value in vars(part).items():
            if _is_part(value) and not name.startswith("_"):
                facts.attributes.add(name)
                children.append(value)
        for child in children:
            walk(child)

    for decoder in decoders:
        walk(decoder)
        facts.weights |= set(decoder.raw_state_dict())
        facts.activations.add(decoder.config.hidden_act)
        facts.tied |= decoder.config.tie_word_embeddings
        rope = decoder.config.rope_parameters
        facts.partial |= rope is not None and rope.rotary_dim < rope.head_dim
    return facts


@dataclass(frozen=True)
class Claim:
    """Words, and what must be true where they stand.

    Attributes:
        what: The claim, in short.
        words: Matches the words.
        holds: Answers from the facts.
    """

    what: str
    words: re.Pattern[str]
    holds: Callable[[Facts], bool]


def _claim(what: str, words: str, holds: Callable[[Facts], bool]) -> Claim:
    return Claim(what, re.compile(rf"\b(?:{words})\b", re.I), holds)


def _part(what: str, words: str, *fragments: str) -> Claim:
    return _claim(what, words, lambda facts: facts.has(*fragments))


def _acts(what: str, words: str, *names: str) -> Claim:
    return _claim(what, words, lambda facts: facts.acts(*names))


#: transformers' names of the one function.
TANH = ("gelu_new", "gelu_fast", "gelu_pytorch_tanh")
CLAIMS = (
    _part("sliding window", r"sliding[- ]windows?|sliding|slides?", "slidingwindow"),
    _part("NoPE", r"nope|no positions(?: at all)?|no rope", "noposition"),
    _part("rotary positions", r"rope|rotary(?: positions)?|rotates?", "rope"),
    _claim("partial RoPE", r"partial (?:rope|rotary|rotation)", lambda facts: facts.partial),
    _claim(
        "QK-norm",
        r"qk[- ]?norms?|(?:query|q)[- ]norms?",
        lambda facts: not facts.attributes.isdisjoint({"q_norm", "qk_norm", "query_norm"}),
    ),
    _part(
        "parallel residual",
        r"parallel (?:residual|block|attention)s?",
        "parallelblock",
        "paralleltwo",
    ),
    _part("RMSNorm", r"rms[- ]?norms?", "rmsnorm"),
    _part("LayerNorm", r"layer[- ]?norms?", "layernorm"),
    _part("gated MLP", r"gated mlps?|swiglu|geglu|gated feed-forward", "gatedmlp", "experts"),
    _part("two-matrix MLP", r"two-matrix|plain mlp", "plainmlp"),
    _acts("SiLU", r"silu|swish|swiglu", "silu"),
    _acts("squared ReLU", r"squared[- ]relu|relu2|relu²", "relu2"),
    _acts("ReLU", r"(?<!squared )(?<!squared-)relu", "relu"),
    _acts("tanh GELU", r"tanh[- ]gelu|gelu_new|gelu_pytorch_tanh|gelu_tanh", *TANH),
    _acts("erf GELU", r"(?:erf|exact)[- ]gelu", "gelu"),
    _acts("GELU", r"gelu|geglu", "gelu", *TANH),
    _claim(
        "a norm before each sublayer",
        r"pre[- ]norms?|norms? before (?:each|every|attention|sublayers?)",
        lambda facts: any(name in facts.classes for name in ("PreNormBlock", "SandwichBlock")),
    ),
    _part(
        "norms after sublayers",
        r"post[- ]norms?|norms? after (?:each|every|attention|sublayers?)|sandwich(?:ed)?",
        "sandwichblock",
        "postnormblock",
    ),
    _part("mixture of experts", r"mixture of experts|moe|experts?|router", "moe", "expert"),
    _part("softcap", r"soft[- ]?cap(?:s|ped|ping)?", "softcap"),
    _part("ALiBi", r"alibi", "alibi"),
    _part("sinks", r"(?:attention )?sinks?", "sink"),
    _part("latent attention", r"mla|latent attention", "latent", "mla"),
    _part("learned positions", r"learned (?:absolute )?positions?", "learned"),
    _part("scaled head", r"scaled head|logits? scale|scaled logits", "scaledhead"),
    _claim("tied head", r"tied (?:head|embeddings?)", lambda facts: facts.tied),
    _part("state space", r"mamba|ssm|state[- ]space", "mamba", "ssm"),
    _part("images", r"multimodal|vision|images?", "vision", "image"),
    _part("multi-GPU", r"multi-?gpu|tensor[- ]parallel(?:ism)?|sharded across", "distributed"),
    _claim("GGUF", "gguf", lambda facts: "gguf" in facts.formats),
    _claim(
        "quantised weights",
        r"fp8|float8|fp4|int4|gptq|awq|quanti[sz]ed",
        lambda facts: bool(facts.encodings - {"float32", "bfloat16", "float16"}),
    ),
)

_DENIAL = re.compile(
    r"\b(?:no|not|never|without|neither|nor|instead of|rather than|unlike)\b[^,;:]{0,24}$", re.I
)


def denied(sentence: str, start: int) -> bool:
    """Whether the words that begin at ``start`` are denied rather than claimed."""
    return bool(_DENIAL.search(sentence[:start]))
