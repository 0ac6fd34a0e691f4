# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves StarCoder2."""

from common.pipeline import DecoderModel

from .starcoder2 import Starcoder2


class Starcoder2Model(DecoderModel):
    decoder_cls = Starcoder2
