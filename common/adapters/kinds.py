# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Names that give away what kind of checkpoint it is, where config.json does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from common.errors import PortError

from .tensor import Tensor

#: Whole names, and what a checkpoint is that has one.
KINDS: Mapping[str, str] = {
    r".*\.(qweight|qzeros|g_idx)": (
        "the checkpoint is quantised as GPTQ and AWQ do, and config.json has no"
        " quantization_config; give a checkpoint in float32, bfloat16 or float16"
    ),
    r".*\.(SCB|absmax|quant_map|nested_absmax|quant_state\..*)": (
        "the checkpoint is quantised as bitsandbytes does, and config.json has no"
        " quantization_config; give a checkpoint in float32, bfloat16 or float16"
    ),
    r"base_model\.model\..*|.*\.lora_(A|B|embedding_A|embedding_B)(\..*)?": (
        "the checkpoint holds an adapter; merge it into its base model (peft's merge_and_unload)"
        " and serve what that saves"
    ),
    r"_orig_mod\..*": (
        "the checkpoint was saved of a module that torch.compile wraps; save its _orig_mod"
    ),
    r"(score|classifier|qa_outputs)\..*": (
        "the checkpoint has a head that classifies; ports serve heads that generate"
    ),
}


def recognise(checkpoint: Iterable[Tensor]) -> None:
    """Looks for names of another kind of checkpoint than a port serves.

    Raises:
        PortError: For the first, with the kind.
    """
    for tensor in checkpoint:
        for pattern, kind in KINDS.items():
            if re.fullmatch(pattern, tensor.name):
                raise PortError(f"{kind} (tensor {tensor.name})")
