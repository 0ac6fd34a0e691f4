# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares planned weights with a graph's parameters, in both directions, at every load."""

from __future__ import annotations

from collections.abc import Mapping

from max.graph import Weight

from common.errors import PortError, nearest

from .tensor import Tensor


def audit(weights: Mapping[str, Tensor], parameters: Mapping[str, Weight]) -> None:
    """Checks that every parameter gets one weight of its shape and dtype, and none is left over.

    Args:
        weights: What a weight map made, by the graph's names.
        parameters: The graph's ``raw_state_dict()``.

    Raises:
        PortError: Naming the first misfit with near names, and how many more there are.
    """

    def origin(name: str) -> str:
        return f"checkpoint tensor {weights[name].source}"

    unknown = [name for name in weights if name not in parameters]
    missing = [name for name in parameters if name not in weights]
    try:
        shapes = {name: [int(dim) for dim in p.shape] for name, p in parameters.items()}
    except ValueError as error:
        raise PortError(f"no tensor has the sizes in config.json: {error}") from None
    common = weights.keys() & parameters.keys()
    misshapen = sorted(name for name in common if list(weights[name].shape) != shapes[name])
    mistyped = sorted(name for name in common if weights[name].dtype != parameters[name].dtype)
    # Near names are looked for once: among thousands of names that takes longer than the rest.
    if unknown:
        name = unknown[0]
        said = f"{origin(name)} (as {name}) is not a parameter of the graph"
        said += nearest(name, parameters)
    elif missing:
        name = missing[0]
        said = f"the checkpoint has no tensor for parameter {name}{nearest(name, weights)}"
    elif misshapen:
        name = misshapen[0]
        said = f"{origin(name)} has shape {list(weights[name].shape)} as {name}"
        said += f"; the graph expects {shapes[name]}"
    elif mistyped:
        name = mistyped[0]
        said = f"{origin(name)} is {weights[name].dtype} as {name}"
        said += f"; the graph expects {parameters[name].dtype}"
    else:
        return
    more = len(unknown) + len(missing) + len({*misshapen, *mistyped}) - 1
    raise PortError(said + (f" (and {more} more)" if more else ""))
