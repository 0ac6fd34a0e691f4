# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rule for lost bits: an error of the size of a rounding, without any shape."""

from __future__ import annotations

import numpy as np

from .scene import Cause, Rule, Scene

#: What a rounding to bfloat16, or to float16, does to a value at most.
SMALLEST, LARGEST = 2.0**-13, 2.0**-7


def lost_bits(scene: Scene) -> Rule:
    """Asks whether the error is as small as rounding makes it, on average 0, and everywhere."""
    error = scene.z - scene.y
    size = float(np.linalg.norm(error) / np.linalg.norm(scene.y))
    if not SMALLEST < size < LARGEST or len(error) < 3:
        return
    bias = float(np.linalg.norm(error.mean(0)) * len(error) ** 0.5 / np.linalg.norm(error))
    share = float((scene.z * scene.y).sum() / (scene.y * scene.y).sum()) - 1
    if bias < 0.6 and abs(share) < 0.3 * size:
        yield Cause("rounding", 0.52, f"the error is {size:.1e} of the value, and on average none")
