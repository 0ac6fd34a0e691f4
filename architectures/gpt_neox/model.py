# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves GPTNeoX."""

from common.pipeline import DecoderModel

from .gpt_neox import GPTNeoX


class GPTNeoXModel(DecoderModel):
    decoder_cls = GPTNeoX
