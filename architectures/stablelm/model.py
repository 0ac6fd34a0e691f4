# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves StableLM."""

from common.pipeline import DecoderModel

from .stablelm import StableLm


class StableLmModel(DecoderModel):
    decoder_cls = StableLm
