# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tokenizer of every port: MAX's, with a limit on the ids that reach the graph.

An embedding has no row for an id beyond its vocabulary, and MAX's gather reads what lies there, or
ends the worker and with it the server. A tokenizer may hold such ids, and a client may send them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from max.pipelines.context import TextContext
from max.pipelines.context.exceptions import InputError
from max.pipelines.lib import PipelineConfig, TextTokenizer
from max.pipelines.modeling.types import TextGenerationRequest


class PortTokenizer(TextTokenizer):
    """MAX's tokenizer, for one embedding."""

    def __init__(self, model_path: str, pipeline_config: PipelineConfig, **kwargs: Any) -> None:
        super().__init__(model_path, pipeline_config, **kwargs)
        self.vocab_size: int = pipeline_config.model.huggingface_config.vocab_size
        self.echoes: bool = pipeline_config.model.enable_echo

    async def encode(
        self, prompt: str | Sequence[int], add_special_tokens: bool = True
    ) -> npt.NDArray[np.integer[Any]]:
        """Returns a prompt's ids, ``[tokens]``.

        Raises:
            InputError: For an id without a row; a server answers 400.
        """
        ids = await super().encode(prompt, add_special_tokens)
        if not len(ids):
            raise InputError("the prompt has no token")
        # As Python's numbers: one that no int64 holds makes an array of objects.
        for token in map(int, ids):
            if not 0 <= token < self.vocab_size:
                raise InputError(
                    f"token id {token} is not in the model's vocabulary: ids are 0 to"
                    f" {self.vocab_size - 1}"
                )
        return ids

    async def new_context(self, request: TextGenerationRequest) -> TextContext:
        """Returns what the scheduler gets of a request.

        Raises:
            InputError: For what would end the worker, and the server.
        """
        params = request.sampling_params
        # As many as there are is all of them; the sampler makes room for as many as are asked for.
        params.top_k = min(params.top_k, self.vocab_size)
        for name, value in (("seed", params.seed), *self._stops(params.stop_token_ids)):
            if not -(2**63) <= value < 2**63:
                raise InputError(f"{name} {value} does not fit 64 bits")
        if request.echo and request.logprobs and not self.echoes:
            raise InputError("echo with logprobs is for a server started with --enable-echo")
        return await super().new_context(request)

    @staticmethod
    def _stops(ids: Sequence[int] | None) -> list[tuple[str, int]]:
        return [("stop_token_ids", token) for token in ids or ()]
