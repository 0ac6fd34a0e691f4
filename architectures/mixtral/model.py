# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves Mixtral."""

from common.pipeline import DecoderModel

from .mixtral import Mixtral


class MixtralModel(DecoderModel):
    decoder_cls = Mixtral
