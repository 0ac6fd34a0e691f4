# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serves GLM and GLM-4."""

from common.pipeline import DecoderModel

from .glm import Glm, Glm4


class GlmModel(DecoderModel):
    decoder_cls = Glm


class Glm4Model(GlmModel):
    decoder_cls = Glm4
