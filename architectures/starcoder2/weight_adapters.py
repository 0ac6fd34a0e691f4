# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StarCoder2's weights: the graph's names under ``model.``, but for the MLP's."""

from common.adapters import RenameParts, WeightMap

from .model_config import Starcoder2Config

PARTS = {"mlp.c_fc": "mlp.up_proj", "mlp.c_proj": "mlp.down_proj"}


def weight_map(config: Starcoder2Config) -> WeightMap:
    """The checkpoint's differences from the graph."""
    return WeightMap(RenameParts("model", PARTS))
