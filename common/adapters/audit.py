# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Compares adapted weights with a graph's parameters, in both directions, at every load."""

from __future__ import annotations

from collections.abc import Mapping

from max.graph import Weight
from max.graph.weights import WeightData

from common.errors import PortError, nearest


def audit(adapted: Mapping[str, WeightData], parameters: Mapping[str, Weight]) -> None:
    """Checks that every parameter gets one tensor of its shape and dtype, and none is left over.

    Args:
        adapted: What a weight map produced.
        parameters: The graph's ``raw_state_dict()``.

    Raises:
        PortError: Naming the first tensor that does not fit, how many more, and near names.
    """
    problems = [
        f"checkpoint tensor {data.name} (as {name}) is not a parameter of the graph"
        + nearest(name, parameters)
        for name, data in adapted.items()
        if name not in parameters
    ]
    for name, weight in parameters.items():
        data = adapted.get(name)
        if data is None:
            problems.append(
                f"the checkpoint has no tensor for parameter {name}" + nearest(name, adapted)
            )
        elif tuple(data.shape) != tuple(weight.shape):
            problems.append(
                f"checkpoint tensor {data.name} has shape {list(map(int, data.shape))} as {name};"
                f" the graph expects {list(map(int, weight.shape))}"
            )
        elif data.dtype != weight.dtype:
            problems.append(
                f"checkpoint tensor {data.name} is {data.dtype} as {name};"
                f" the graph expects {weight.dtype}"
            )
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise PortError(problems[0] + more)
