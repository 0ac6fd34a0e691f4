# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""config.json to typed fields: key accounting, rope parameters, the decoder's config."""

from .decoder import DecoderConfig, LearnedPositionsConfig, WindowedConfig, not_read
from .deployment import span
from .keys import ConfigKeys
from .rope import RopeParameters

__all__ = [
    "ConfigKeys",
    "DecoderConfig",
    "LearnedPositionsConfig",
    "RopeParameters",
    "WindowedConfig",
    "not_read",
    "span",
]
