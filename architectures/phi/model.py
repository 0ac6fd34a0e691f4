# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves Phi."""

from common.pipeline import DecoderModel

from .phi import Phi


class PhiModel(DecoderModel):
    decoder_cls = Phi
