# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for packed weights: elements stay packed, and only their order and their type change.

Which layers are packed, and how, is MAX's QuantConfig's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from max.dtype import DType
from max.graph.weights import WeightData

from common.errors import PortError

from .rules import Matching
from .tensor import Tensor, bits, of_bits


@dataclass(frozen=True)
class GroupOrder(Matching):
    """Turns GPTQ's ``g_idx`` into the order that brings each group's inputs together.

    ``g_idx[i]`` is the group of input i; the kernel reads input ``perm_idx[j]`` as its j-th, and
    takes group ``j // group_size`` for it (MAX's llama3/weight_adapters.py). Inputs of a group
    keep their order.
    """

    pattern: str = r"(.*)\.g_idx"
    to: str = r"\1.perm_idx"

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        if tensor.dtype != DType.int32 or len(tensor.shape) != 1:
            raise PortError(
                f"checkpoint tensor {tensor.source} is {tensor.dtype} {list(tensor.shape)};"
                " a group index is int32, one for each input"
            )
        return [tensor.moved(tensor.shape, self._order, self.step, match.expand(self.to))]

    @staticmethod
    def _order(groups: np.ndarray) -> np.ndarray:
        return np.argsort(groups, kind="stable").astype(np.uint32)


@dataclass(frozen=True)
class MXFP4(Matching):
    """Gives MXFP4 the shapes and types that MAX's kernels take.

    On disk, ``_blocks [..., groups, 16]`` holds two 4-bit floats a byte, the first in the low bits,
    and ``_scales [..., groups]`` the exponents, for groups of 32 (OCP Microscaling Formats 1.0,
    section 5.3). The graph has one row of bytes, and scales of type float8_e8m0fnu.
    """

    pattern: str = r"(.*)_(blocks|scales)"

    def take(self, tensor: Tensor, match: re.Match[str]) -> Iterable[Tensor]:
        if tensor.dtype != DType.uint8:
            raise PortError(
                f"checkpoint tensor {tensor.source} is {tensor.dtype}; MXFP4 is stored as uint8"
            )
        if match[2] == "scales":
            return [self._scales(tensor, match[1] + "_scale")]
        *rows, groups, size = tensor.shape
        shape = (*rows, groups * size)
        return [tensor.moved(shape, lambda a: a.reshape(shape), self.step, match[1])]

    def _scales(self, tensor: Tensor, name: str) -> Tensor:
        dtype = DType.float8_e8m0fnu

        def read() -> WeightData:
            return of_bits(bits(tensor.read()), dtype, tensor.source)

        return replace(tensor.renamed(name, self.step), dtype=dtype, read=read)
