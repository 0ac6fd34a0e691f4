# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors of GGUF files, under the graph's names.

GGUF names tensors by their role, the same for all architectures (the gguf library's
``TENSOR_NAMES``), so one table serves every port. What a converter moved on the way differs by
architecture and stays in the port's map.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from common.config import DecoderConfig

from .layouts import CanonicalRope, SplitQKV
from .rules import Rule
from .tensor import Tensor
from .weight_map import WeightMap

#: Roles in gguf's ``MODEL_TENSOR``, and the graph's names for them.
ROLES: Mapping[str, str] = {
    "TOKEN_EMBD": "embed_tokens",
    "POS_EMBD": "embed_positions",
    "OUTPUT_NORM": "norm",
    "OUTPUT": "lm_head",
    "ATTN_NORM": "layers.{}.input_layernorm",
    "ATTN_QKV": "layers.{}.self_attn.qkv_proj",
    "ATTN_Q": "layers.{}.self_attn.q_proj",
    "ATTN_K": "layers.{}.self_attn.k_proj",
    "ATTN_V": "layers.{}.self_attn.v_proj",
    "ATTN_OUT": "layers.{}.self_attn.o_proj",
    "ATTN_Q_NORM": "layers.{}.self_attn.q_norm",
    "ATTN_K_NORM": "layers.{}.self_attn.k_norm",
    "ATTN_POST_NORM": "layers.{}.post_self_attn_layernorm",
    "FFN_NORM": "layers.{}.post_attention_layernorm",
    "FFN_POST_NORM": "layers.{}.post_mlp_layernorm",
    "FFN_GATE": "layers.{}.mlp.gate_proj",
    "FFN_UP": "layers.{}.mlp.up_proj",
    "FFN_DOWN": "layers.{}.mlp.down_proj",
    "FFN_GATE_INP": "layers.{}.mlp.gate",
    "FFN_GATE_EXP": "layers.{}.mlp.experts.gate_proj",
    "FFN_UP_EXP": "layers.{}.mlp.experts.up_proj",
    "FFN_DOWN_EXP": "layers.{}.mlp.experts.down_proj",
}


@cache
def _names() -> dict[str, str]:
    """Returns the graph's name for each of GGUF's, with ``{}`` for the layer."""
    from gguf import MODEL_TENSOR, TENSOR_NAMES

    return {TENSOR_NAMES[MODEL_TENSOR[role]].format(bid="{}"): name for role, name in ROLES.items()}


@dataclass(frozen=True)
class FromGGUF:
    """Gives GGUF's tensors the graph's names, and leaves out tables of frequencies."""

    def apply(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Returns the tensors renamed; those of other names pass, for the audit to name."""
        return [self._take(tensor) for tensor in tensors]

    def _take(self, tensor: Tensor) -> Tensor:
        if tensor.name == "rope_freqs.weight":
            return tensor.left_out("frequencies of RoPE, which the config decides")
        stem, _, kind = tensor.name.rpartition(".")
        layer = re.search(r"\d+", stem)
        number = layer[0] if layer else ""
        to = _names().get(re.sub(r"\d+", "{}", stem, count=1))
        return tensor.renamed(f"{to.format(number)}.{kind}", "FromGGUF") if to else tensor


def gguf_map(config: DecoderConfig, *, interleaved: bool = False) -> WeightMap:
    """Returns the map of a port whose GGUF differs from its graph in names and rotation only.

    Args:
        config: The port's config.
        interleaved: Whether llama.cpp rotates neighbouring columns (its rope type NORM), for which
            the converter brings the pairs together, or split halves (NEOX).
    """
    rules: list[Rule] = [FromGGUF(), SplitQKV(**config.heads)]
    if config.rope_parameters:
        rules.append(CanonicalRope(rope=config.rope, interleaved=interleaved))
    return WeightMap(*rules)
