# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves SmolLM3."""

from common.pipeline import DecoderModel

from .smollm3 import SmolLM3


class SmolLM3Model(DecoderModel):
    decoder_cls = SmolLM3
