# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves Cohere."""

from common.pipeline import DecoderModel

from .cohere import Cohere


class CohereModel(DecoderModel):
    decoder_cls = Cohere
