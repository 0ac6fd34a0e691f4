# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What config.json says, whatever a family calls it: the class, sizes, values in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.terminal.output import plain


def shown(value: Any) -> str:
    """Returns a value of a config, cut to a few words."""
    try:
        text = plain(repr(value))
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 48 else f"{text[:45]}..."


def texts(value: Any) -> list[str]:
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
    return next(iter(texts(found)), None) if isinstance(found, list) else None


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
