# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every activation of common/layers against transformers' of its name, in one compiled graph."""

from __future__ import annotations

import numpy as np
import torch
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import DeviceRef, Graph, TensorType
from transformers.activations import ACT2FN

from common.layers.mlp import ACTIVATIONS

#: Measured: 5.4e-7 in erf GELU, 4.8e-7 in the others, 0 in both ReLUs.
ATOL = 2e-6


def test_activations_are_transformers() -> None:
    x = np.linspace(-6, 6, 97, dtype=np.float32)
    given = TensorType(DType.float32, x.shape, DeviceRef.CPU())
    with Graph("activations", input_types=[given]) as graph:
        value = graph.inputs[0].tensor
        graph.output(*(function(value) for function in ACTIVATIONS.values()))
    model = InferenceSession(devices=[CPU()]).load(graph)
    for name, found in zip(ACTIVATIONS, model.execute(x), strict=True):
        wanted = ACT2FN[name](torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found.to_numpy(), wanted, atol=ATOL, rtol=0, err_msg=name)
