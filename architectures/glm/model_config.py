# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GLM's config, which is GLM-4's too: the plain decoder's, with a share of columns that rotate."""

from dataclasses import dataclass

from common.config import DecoderConfig


@dataclass(kw_only=True)
class GlmConfig(DecoderConfig):
    """Adds no field."""

    OUTPUT_BIAS = False
