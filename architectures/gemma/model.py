# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves Gemma."""

from common.pipeline import DecoderModel

from .gemma import Gemma


class GemmaModel(DecoderModel):
    decoder_cls = Gemma
