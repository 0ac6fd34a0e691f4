# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The axes on which decoders differ, each read from the reference's syntax tree.

An axis is one of norms, wiring, positions, attention, MLP or head. Two references compared axis by
axis give the deltas between a model and its donor. A trait is what the text shows, not a proof: it
says where to look.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .reference import Reference, assigned, method, search

NONE = "none"


@dataclass(frozen=True)
class Trait:
    """What the reference does on one axis.

    Attributes:
        value: In a few words; ``none`` if it does nothing there.
        line: Where.
    """

    value: str
    line: int


@dataclass(frozen=True)
class Change:
    """An axis on which a model and its donor differ.

    Attributes:
        axis: Which.
        model: What the model does.
        donor: What the donor does.
        reference: Where the model does it, ``file.py:line``.
    """

    axis: str
    model: str
    donor: str
    reference: str


def _text(node: ast.AST | None) -> str:
    return ast.unparse(node) if node else ""


def _line(node: ast.AST | None) -> int:
    return getattr(node, "lineno", 1)


def _linears(node: ast.ClassDef | None) -> dict[str, ast.Call]:
    return {
        name: value
        for name, value in assigned(node)
        if isinstance(value, ast.Call) and re.search(r"Linear$|Conv1D$", ast.unparse(value.func))
    }


def _bias(call: ast.Call) -> str:
    for keyword in call.keywords:
        if keyword.arg == "bias":
            return ast.unparse(keyword.value).replace("self.config.", "config.")
    return "True"


def _biases(linears: Mapping[str, ast.Call]) -> str:
    found = {name: _bias(call) for name, call in linears.items()}
    if len(set(found.values())) <= 1:
        return next(iter(found.values()), NONE)
    return ", ".join(f"{name} {value}" for name, value in found.items())


def _norm_kind(reference: Reference, call: ast.Call) -> str:
    name = ast.unparse(call.func).removeprefix("nn.").removeprefix("torch.nn.")
    node = reference.classes.get(name)
    if not node:
        if name == "LayerNorm":
            bare = re.search(r"(bias|elementwise_affine)=False", ast.unparse(call))
            return f"LayerNorm with{'out' if bare else ''} biases"
        return name
    body = _text(node)
    kind = "RMSNorm" if "LayerNorm" not in body.split("\n")[0] or "rms" in name.lower() else ""
    kind = kind or "LayerNorm"
    if kind == "LayerNorm" and ".mean(-1" in body and body.count(".mean(-1") == 1:
        kind = "RMSNorm"
    if kind == "LayerNorm":
        kind += (
            " with biases"
            if "self.bias" in body and "bias = None" not in body
            else (" without biases")
        )
    if re.search(r"1(\.0)? \+ self\.weight|self\.weight(\.float\(\))? \+ 1", body):
        kind += ", weight + 1"
    return kind if "weight" in body else f"{kind} without a weight"


def _norms(node: ast.ClassDef | None) -> dict[str, ast.Call]:
    return {
        name: value
        for name, value in assigned(node)
        if isinstance(value, ast.Call) and "Norm" in ast.unparse(value.func)
    }


def _norm(reference: Reference) -> Trait:
    for call in _norms(reference.layer).values():
        return Trait(_norm_kind(reference, call), call.lineno)
    return Trait(NONE, _line(reference.layer))


class _Wiring(ast.NodeVisitor):
    """Collects what a layer's forward does to the residual stream, in order of evaluation."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        self.roles = roles
        self.events: list[str] = []

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "self":
            role = self.roles.get(node.func.attr)
            self.events += [role] if role else []
        elif ast.unparse(node.func).startswith("dropout_add"):
            self.events.append("+")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            self.events.append("+")

    def visit_If(self, node: ast.If) -> None:
        test = ast.unparse(node.test)
        if "self." not in test:
            if "encoder" not in test:
                for part in (*node.body, *node.orelse):
                    self.visit(part)
            return
        branches = []
        for body in (node.body, node.orelse):
            inner = _Wiring(self.roles)
            for part in body:
                inner.visit(part)
            branches.append(" ".join(inner.events))
        if any(branches):
            self.events.append(f"[{test.removeprefix('self.')}: {' or else '.join(branches)}]")


def _wiring(reference: Reference) -> Trait:
    roles = {}
    for name, value in assigned(reference.layer):
        text = _text(value.func) if isinstance(value, ast.Call) else ""
        if "Norm" in text:
            roles[name] = "norm"
        elif re.search(r"Attention|ATTENTION", _text(value)):
            roles[name] = "attention"
        elif re.search(r"MLP|MoE|Moe|FeedForward|FFN", _text(value)):
            roles[name] = "mlp"
    forward = method(reference.layer, "forward")
    visitor = _Wiring(roles)
    if forward:
        visitor.visit(forward)
    return Trait(" ".join(visitor.events) or NONE, _line(forward))


def _rope(reference: Reference) -> Trait:
    rotate = next((f for n, f in reference.functions.items() if n.startswith("rotate_")), None)
    rotary = next((c for n, c in reference.classes.items() if "Rotary" in n), None)
    apply = next((f for n, f in reference.functions.items() if "rotary" in n), None)
    if not (rotate or rotary or apply):
        return Trait(NONE, _line(reference.attention))
    strided = search(r"::\s?2\]|repeat_interleave|view_as_complex", rotate, apply, rotary)
    kind = "interleaved pairs" if strided else "split halves"
    if rotate and "(x2, -x1)" in _text(rotate):
        kind += ", the other way round"
    if search(r"partial_rotary_factor|rotary_pct|rotary_dim\b", rotary, reference.attention):
        kind += ", partial"
    return Trait(kind, _line(rotate or apply or rotary))


def _positions(reference: Reference) -> Trait:
    learned = search(r"self\.(wpe|embed_positions|position_embeddings?)\b", reference.model)
    alibi = search(r"(alibi)", reference.attention, reference.model)
    if alibi:
        return Trait("ALiBi", alibi[1])
    return Trait(f"learned ({learned[0]})", learned[1]) if learned else Trait(NONE, 1)


def _layers_without_rope(reference: Reference) -> Trait:
    found = search(r"use_rope|no_rope_layers|sliding_window is not None", reference.attention)
    return Trait(found[0], found[1]) if found else Trait(NONE, _line(reference.attention))


def _projections(reference: Reference) -> Trait:
    linears = _linears(reference.attention)
    fused = [n for n in linears if re.search(r"qkv|query_key_value|c_attn|Wqkv|W_pack", n)]
    line = _line(next(iter(linears.values()), reference.attention))
    if fused:
        return Trait(f"fused in {fused[0]}", line)
    return Trait("q, k and v apart" if len(linears) >= 4 else ", ".join(linears) or NONE, line)


def _attention_biases(reference: Reference) -> Trait:
    linears = _linears(reference.attention)
    line = _line(next(iter(linears.values()), reference.attention))
    return Trait(_biases(linears), line)


def _qk_norm(reference: Reference) -> Trait:
    for name, call in _norms(reference.attention).items():
        if re.search(r"(^|_)(q|k|query|key|qk)", name):
            return Trait(f"{_norm_kind(reference, call)} ({name})", call.lineno)
    return Trait(NONE, _line(reference.attention))


def _sliding(reference: Reference) -> Trait:
    by_layer = search(r"layer_types|attention_type", reference.model, reference.layer)
    found = search(r"sliding_window", reference.attention, reference.model)
    if not found:
        return Trait(NONE, _line(reference.attention))
    return Trait("on layers of a kind" if by_layer else "on every layer", found[1])


def _scale(reference: Reference) -> Trait:
    for name, value in assigned(reference.attention):
        if name in ("scaling", "scale", "norm_factor", "softmax_scale", "inv_norm_factor"):
            text = _text(value)
            plain = re.search(r"head_(dim|size)\)? \*\* \(?-0\.5|sqrt\(self\.head_(dim|size)", text)
            return Trait("1/√head_dim" if plain else text, value.lineno)
    return Trait("1/√head_dim", _line(reference.attention))


def _has(name: str, pattern: str, *places: str) -> Callable[[Reference], Trait]:
    """Reads an axis that a pattern in one of the decoder's classes shows."""

    def read(reference: Reference) -> Trait:
        nodes = [getattr(reference, place) for place in places]
        found = search(pattern, *nodes)
        return Trait(name.format(found[0]), found[1]) if found else Trait(NONE, _line(nodes[0]))

    return read


def _mlp(reference: Reference) -> Trait:
    linears = _linears(reference.mlp)
    forward = method(reference.mlp, "forward")
    gated = search(r"(act\w*|activation\w*|silu|gelu)\(.*\) \* |\* .*act\w*\(", forward)
    if any(re.search(r"gate_up|gate_and_up", name) for name in linears):
        return Trait("gated, gate and up fused", _line(reference.mlp))
    kind = "gated" if gated or "gate_proj" in linears else "two matrices"
    return Trait(kind if linears else "other", _line(reference.mlp))


def _mlp_biases(reference: Reference) -> Trait:
    linears = _linears(reference.mlp)
    return Trait(_biases(linears), _line(next(iter(linears.values()), reference.mlp)))


def _experts(reference: Reference) -> Trait:
    names = [name for name in reference.classes if re.search(r"MoE|Moe|Expert|Router", name)]
    if not names:
        return Trait(NONE, _line(reference.mlp))
    shared = search(r"shared_expert", *reference.classes.values())
    return Trait(
        "routed experts" + (" and shared ones" if shared else ""),
        _line(reference.classes[names[0]]),
    )


def _head_bias(reference: Reference) -> Trait:
    for name, call in _linears(reference.head).items():
        if re.search(r"head|embed_out|output", name):
            return Trait(_bias(call), call.lineno)
    return Trait(NONE, _line(reference.head))


#: Axis to its reader, in the order of a decoder's reading.
AXES: Mapping[str, Callable[[Reference], Trait]] = {
    "embedding scale": _has(
        "{}", r"(embed_scale|embedding_multiplier|hidden_size\s?\*\*\s?0\.5|emb_scale)", "model"
    ),
    "positions besides RoPE": _positions,
    "norm": _norm,
    "wiring of a layer": _wiring,
    "residual scale": _has("{}", r"(residual_multiplier|residual_scale|resid_scale)", "layer"),
    "RoPE": _rope,
    "layers without RoPE": _layers_without_rope,
    "attention projections": _projections,
    "attention biases": _attention_biases,
    "QK-norm": _qk_norm,
    "sliding window": _sliding,
    "attention scale": _scale,
    "attention softcap": _has("{}", r"(attn_logit_softcapping|softcap)", "attention"),
    "attention sinks": _has("{}", r"(self\.sinks?\b)", "attention"),
    "MLP": _mlp,
    "MLP biases": _mlp_biases,
    "experts": _experts,
    "head bias": _head_bias,
    "logit scale": _has("{}", r"(logits? [*/]=? (?!.*softcap).*)", "head"),
    "logit softcap": _has("{}", r"(\w*logit_softcap\w*)", "head"),
}


def traits(reference: Reference) -> dict[str, Trait]:
    """Returns every axis with what the reference does there."""
    return {axis: read(reference) for axis, read in AXES.items()}


def changes(model_type: str, donor_type: str) -> list[Change]:
    """Returns the axes on which two references differ.

    Raises:
        PortError: If transformers has not both.
    """
    model = Reference(model_type)
    donor = traits(Reference(donor_type))
    return [
        Change(axis, trait.value, donor[axis].value, f"{model.file.name}:{trait.line}")
        for axis, trait in traits(model).items()
        if trait.value != donor[axis].value
    ]
