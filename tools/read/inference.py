# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What inference computes of a reference's code: the rest of a syntax tree is taken away.

Names of the model, annotations, training, messages and tests of arguments go, so that two models
written by different people compare equal where they compute the same in the same words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

#: Branches on these are training, return values that nobody asked for, or another backend.
_IDLE = re.compile(
    r"\blabels\b|\.training\b|gradient_checkpointing|\boutput_(?:attentions|hidden_states)\b"
    r"|\breturn_dict\b|_attn_implementation|\blogger\b"
    r"|\b(?:is_cross_attention|encoder_hidden_states is not None|add_cross_attention)\b"
    r"|is_torchdynamo|is_tracing|\buse_cache\b|\bcache is None\b|is_fast_path"
)
#: What a server always finds: ids and no embeddings, and positions that it was not given.
_ALWAYS = re.compile(r"(?:inputs_embeds|position_ids|cache_position|input_shape) is None")
_DROPOUT = re.compile(r"(?:^|[._])\w*(?:dropout|Dropout|resid_drop|emb_drop)\w*$|(?:^|\.)drop$")
#: Arguments that choose what is returned, not what is computed.
_SILENT = {
    *("dropout", "output_attentions", "output_hidden_states", "return_dict", "use_cache"),
    *("labels", "cache_position", "output_router_logits", "position_ids", "past_key_value"),
    *("encoder_hidden_states", "encoder_attention_mask", "token_type_ids", "layer_past"),
    *("cache", "attentions", "hidden_states_all", "loss", "aux_loss", "router_logits"),
    *("device", "kwargs"),
}
#: Config keys of the activation.
ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function", "activation", "afn")
#: Config keys that models spell differently, and no table of theirs says so.
_SAME_KEYS = {
    **dict.fromkeys(("num_local_experts", "n_routed_experts"), "num_experts"),
    **dict.fromkeys(ACTIVATIONS, "hidden_act"),
}


def is_name(node: ast.AST | None, name: str) -> bool:
    """Whether a node is that name."""
    return isinstance(node, ast.Name) and node.id == name


class Inference(ast.NodeTransformer):
    """Leaves what inference computes, without the model's name."""

    def __init__(self, prefix: str, known: set[str], keys: Mapping[str, str]) -> None:
        self.prefix, self.keys = prefix, keys
        self.renamed: dict[str, str] = {}
        taken = set(known)
        for name in sorted(known):
            short = self._short(name)
            if short not in taken or short == "Output":
                self.renamed[name] = short
                taken.add(short)

    def _short(self, name: str) -> str:
        if re.match(r"(?:Moe)?(?:CausalLM|BaseModel)Output", name):
            return "Output"
        short = name.removeprefix(self.prefix)
        return short.removeprefix("Text") if short[4:5].isupper() else short

    def name(self, name: str) -> str:
        """Returns a name without the model's, where that is no other's."""
        # The cache has had two names.
        return "cache" if name == "past_key_values" else self.renamed.get(name, name)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.copy_location(ast.arg(self.name(node.arg)), node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        node.arg = self.name(node.arg) if node.arg else None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self.name(node.id), node.ctx), node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        # As a key of arguments.
        if not isinstance(node.value, str):
            return node
        return ast.copy_location(ast.Constant(self.name(node.value)), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "config" and is_name(node.value, "self"):
            return ast.copy_location(ast.Name("config", node.ctx), node)
        if is_name(node.value, "config"):
            node.attr = self.keys.get(node.attr, node.attr)
            node.attr = _SAME_KEYS.get(node.attr, node.attr)
            if re.search(r"norm.*eps(?:ilon)?$", node.attr):
                node.attr = "norm_eps"
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        # As many layers as there are, and the logits of every position.
        every = (":config.num_hidden_layers", "(:, slice_indices, :)", ":, slice_indices, :")
        return node.value if ast.unparse(node.slice) in every else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        self.generic_visit(node)
        _return_what_is_named(node.body)
        node.args = _arguments(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        self.generic_visit(node)
        node.name = self.name(node.name)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        self.generic_visit(node)
        targets = " ".join(map(ast.unparse, node.targets))
        if re.fullmatch(
            r"(?:\w*loss|self\.gradient_checkpointing|output_\w+|return_dict|slice_indices)",
            targets,
        ):
            return None
        if _DROPOUT.search(targets) or is_name(node.value, targets):
            return None
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | None:
        self.generic_visit(node)
        return None if "loss" in ast.unparse(node.target) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        if buffer := _buffer(node.value):
            return self.visit(ast.copy_location(buffer, node))
        self.generic_visit(node)
        said = ast.unparse(node.value)
        idle = ("logger.", "warnings.", "super().__init__", "self.post_init", "deprecate_kwarg")
        return None if said.startswith(idle) else node

    def visit_Assert(self, node: ast.Assert) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        test = ast.unparse(node.test)
        always = _ALWAYS.fullmatch(test)
        if always or _IDLE.search(test):
            return self._all(node.body if always else node.orelse)
        self.generic_visit(node)
        node.body = [s for s in node.body if not isinstance(s, ast.Raise)]
        if not node.body and not node.orelse:
            return None
        node.body = node.body or [ast.Pass()]
        return node

    def _all(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        left = [self.visit(statement) for statement in statements]
        return [s for each in left for s in (each if isinstance(each, list) else [each]) if s]

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        both = [node.left, node.right]
        if isinstance(node.op, ast.Add) and all(isinstance(side, ast.Name) for side in both):
            node.left, node.right = sorted(both, key=ast.unparse)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        self.generic_visit(node)
        target = node.generators[0].target
        if isinstance(target, ast.Name):
            # The number of a layer goes by several names.
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and part.id == target.id and part is not target:
                    part.id = "i"
            target.id = "i"
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        # A head's size follows from others where the config does not give it.
        first = node.values[0]
        return first if ast.unparse(first) == "config.head_dim" else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = ast.unparse(node.func)
        if called == "getattr" and ast.unparse(node).startswith("getattr(config, 'head_dim'"):
            return ast.copy_location(ast.Attribute(node.args[0], "head_dim", ast.Load()), node)
        if called == "nn.Parameter" and node.args and isinstance(node.args[0], ast.Call):
            node.args[0].func = ast.Name("torch.empty", ast.Load())  # values come from weights
        if _DROPOUT.search(called) and node.args and called != "nn.Dropout":
            return node.args[0]
        if _moves(node):
            return _owner(node)
        node.keywords = [k for k in node.keywords if k.arg not in _SILENT]
        if len(node.args) > 1:
            node.args = [a for a in node.args if ast.unparse(a) not in _SILENT]
        if called == "torch.arange":
            node.keywords = [k for k in node.keywords if k.arg != "dtype"]
        if called in ("nn.Buffer", "slice_logits_to_keep"):
            return node.args[0]
        if called == "nn.Embedding":
            del node.args[2:]  # which token is padding
        if called[:1].isupper() or called.startswith("self."):
            # A part is given the same by position and by name.
            same = [
                k
                for k in node.keywords
                if k.arg in ("layer_idx", ast.unparse(k.value).split(".")[-1])
            ]
            if same:
                node.args = sorted([*node.args, *(k.value for k in same)], key=ast.unparse)
            node.keywords = [k for k in node.keywords if k not in same]
        if called == "Output":
            # What else a model returns is not asked for.
            node.args = [a for a in node.args if not isinstance(a, ast.Attribute)]
            node.keywords = []
        node.keywords.sort(key=lambda keyword: keyword.arg or "~")
        return node


def _moves(call: ast.Call) -> bool:
    """Whether a method leaves its tensor's values: another device, another layout in memory."""
    if not isinstance(call.func, ast.Attribute):
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if call.func.attr == "contiguous":
        return not given
    if ast.unparse(call.func.value).startswith("torch.arange("):
        return call.func.attr in ("to", "float")
    return call.func.attr == "to" and bool(given) and all("device" in ast.unparse(g) for g in given)


def _owner(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def _buffer(call: ast.expr) -> ast.Assign | None:
    """``self.register_buffer("x", y)`` as ``self.x = y``."""
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "self.register_buffer":
        return None
    name, value = [*call.args, *(keyword.value for keyword in call.keywords)][:2]
    if not isinstance(name, ast.Constant):
        return None
    target = ast.Attribute(ast.Name("self", ast.Load()), str(name.value), ast.Store())
    return ast.Assign([target], value)


def _return_what_is_named(body: list[ast.stmt]) -> None:
    """Writes ``x = f(y); return x`` as ``return f(y)``."""
    if len(body) > 1 and isinstance(body[-1], ast.Return) and isinstance(body[-2], ast.Assign):
        last, named = body[-1], body[-2]
        if last.value and [ast.unparse(last.value)] == [ast.unparse(t) for t in named.targets]:
            body[-2:] = [ast.copy_location(ast.Return(named.value), named)]


def _arguments(node: ast.FunctionDef) -> ast.arguments:
    """The arguments that a function reads, by name; of their defaults, those that are values."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    pairs = [
        *zip(plain, defaults, strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    read = {part.id for s in node.body for part in ast.walk(s) if isinstance(part, ast.Name)}
    kept = sorted(
        (
            (argument.arg, None if argument.arg == "eps" else default)
            for argument, default in pairs
            if argument.arg in read and argument.arg not in ("self", "cls")
        ),
        key=lambda pair: pair[0],
    )
    values: list[ast.expr | None] = [
        default
        if isinstance(default, ast.Constant) and default.value not in (None, False)
        else None
        for _, default in kept
    ]
    return ast.arguments([], [], None, [ast.arg(name) for name, _ in kept], values, None, [])
