# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves GPT-2."""

from common.pipeline import DecoderModel

from .gpt2 import GPT2


class GPT2Model(DecoderModel):
    decoder_cls = GPT2
