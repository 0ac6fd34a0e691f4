# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GLM's config, which is GLM-4's too: the plain decoder's, with a share of columns that rotate."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class GlmConfig(DecoderConfig):
    """Adds no field."""

    REQUIRED = {"output_bias": False}
