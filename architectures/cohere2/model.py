# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves Cohere2."""

from common.pipeline import DecoderModel

from .cohere2 import Cohere2


class Cohere2Model(DecoderModel):
    decoder_cls = Cohere2
