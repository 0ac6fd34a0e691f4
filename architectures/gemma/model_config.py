# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gemma's config: the plain decoder's, of a causal model."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class GemmaConfig(DecoderConfig):
    """Adds nothing, and refuses Gemma as an encoder."""

    REQUIRED = {"use_bidirectional_attention": False}
    IGNORED = {
        # The first releases say hidden_act = gelu and leave this null, by which transformers once
        # meant the tanh form; since version 5 it takes hidden_act at its word, and so does this.
        "hidden_activation": "in released files; the reference reads hidden_act"
    }
