# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a checkpoint through the real MAX text-generation pipeline and records its logits.

The pipeline is the one that serving resolves: registry, weight adapter, paged KV cache, ragged
batches, sampler. Echo makes it return the logits of every position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from common.compiled.target import Target

from .kernels import shared_kernels

#: The longest sequence of a fixture, in tokens.
MAX_LENGTH = 512


@dataclass(frozen=True)
class Generated:
    """One row of a batch after generation.

    Attributes:
        prompt: Length of the prompt.
        tokens: Prompt and generated tokens.
        logits: ``[len(tokens) - 1, vocab_size]``, of every position that was an input.
    """

    prompt: int
    tokens: list[int]
    logits: npt.NDArray[np.float32]


def build(
    directory: Path,
    *,
    max_batch_size: int,
    max_length: int = MAX_LENGTH,
    target: Target = Target(),  # noqa: B008 - frozen
    ranks: int = 1,
) -> Any:
    """Returns MAX's pipeline for a checkpoint of one of our ports, by default on the CPU.

    Several ranks share the target's one device: all is as on several but the links between them.
    """
    from max.pipelines import AutoModel
    from max.pipelines.modeling import config_enums

    # MAX offers bfloat16 on GPUs only; its CPU kernels compute in it, slowly.
    devices = {**config_enums._SUPPORTED_DEVICES, target.encoding: (target.kind,)}
    with mock.patch.dict(config_enums._SUPPORTED_DEVICES, devices), shared_kernels():
        return AutoModel(
            str(directory),
            devices=target.specs * ranks,
            quantization_encoding=target.encoding,
            max_length=max_length,
            max_batch_size=max_batch_size,
            enable_echo=True,
            custom_architectures=["architectures"],
        )


def generate(model: Any, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[Generated]:
    """Prefills all prompts as one ragged batch, then decodes greedily."""
    from max.pipelines.lib.generate import GenerateIterator

    pipeline_model = model.pipeline._pipeline_model
    execute = pipeline_model.execute
    steps: list[tuple[Any, Any]] = []

    def record(model_inputs: Any) -> Any:
        outputs = execute(model_inputs)
        # The buffers are reused by the next step.
        logits, offsets = outputs.logits.to_numpy(), outputs.logit_offsets.to_numpy()
        steps.append((np.array(logits), np.array(offsets)))
        return outputs

    pipeline_model.execute = record
    try:
        with GenerateIterator(
            model.pipeline,
            prompts,
            max_new_tokens=new_tokens,
            ignore_eos=True,
            temperature=0.0,
            top_k=1,
        ) as batch:
            for _ in batch:
                pass
    finally:
        del pipeline_model.execute
    return [
        Generated(
            len(prompt),
            list(map(int, batch.sequences[row])),
            np.concatenate([logits[offsets[row] : offsets[row + 1]] for logits, offsets in steps]),
        )
        for row, prompt in enumerate(prompts)
    ]
