# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What llama.cpp's converters do to checkpoints on the way to GGUF, as a port declares it.

They work on numpy arrays by their methods, so that declaring one imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .witnesses import head_dim

#: Makes the array that is stored, from the checkpoint's and the transformers config.
Move = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class GGUF:
    """How a port's GGUF files differ from its checkpoints, besides by the names of tensors.

    Attributes:
        arch: The gguf library's name for the port's model_type, if it has another.
        moved: What the converter does to the tensors whose names end so; None leaves them out.
        atol: What its sums round off.
        cannot_hold: The fixtures with tensors that the format has no name for.
    """

    arch: str | None = None
    moved: Mapping[str, Move | None] = field(default_factory=dict)
    atol: float = 0.0
    cannot_hold: tuple[str, ...] = ()

    def convert(self, name: str, array: Any, config: Any) -> Any:
        """Returns what is stored of a checkpoint's tensor, or None if it is left out."""
        for suffix, move in self.moved.items():
            if name.endswith(suffix):
                return move(array, config) if move else None
        return array


def paired_rows(array: Any, config: Any) -> Any:
    """Returns a q or k projection with the two rows of each rotation side by side."""
    width = head_dim(config)
    heads = array.reshape(-1, 2, width // 2, *array.shape[1:])
    return heads.swapaxes(1, 2).reshape(array.shape)


#: LlamaModel's converter, and those that derive from it.
PAIRED_ROWS: Mapping[str, Move] = {
    f"{part}.{kind}": paired_rows for part in ("q_proj", "k_proj") for kind in ("weight", "bias")
}
