# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference: transformers in float32, eval mode, without a cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.declaration import Witness
from common.errors import PortError

from .checkpoints import quiet

Logits = npt.NDArray[np.float32]


class Oracle:
    """A transformers model, as the reference of a checkpoint.

    Args:
        directory: The checkpoint.
        attention: ``eager`` or ``sdpa``. Neither is right for every class, so both are run.
        witness: Takes one delta out.
    """

    def __init__(
        self, directory: Path, *, attention: str = "eager", witness: Witness | None = None
    ) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        # Fixtures are so small that threads wait for each other longer than they work: on cores
        # that others use too, 100 passes of a sparse model took minutes instead of 2 s.
        torch.set_num_threads(1)
        self.directory = directory
        config = AutoConfig.from_pretrained(directory)
        if witness:
            witness.config(config)
        with quiet(), torch.random.fork_rng():
            # A witness may leave a tensor to be initialised, such as an untied head.
            torch.manual_seed(0)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                directory,
                config=config,
                dtype=torch.float32,
                attn_implementation=attention,
                output_loading_info=True,
            )
            self.model: Any = loaded[0].eval()
        #: Several witnesses are held against one oracle on the same tokens.
        self._known: dict[tuple[int, ...], Logits] = {}
        #: Parameters that the checkpoint has no tensor for.
        self.unloaded = sorted(map(str, loaded[1]["missing_keys"]))
        if witness:
            with torch.no_grad():
                witness.model(self.model)

    def logits(self, tokens: Sequence[int]) -> Logits:
        """Returns ``[len(tokens), vocab_size]``, every position from one forward pass."""
        import torch

        asked = tuple(tokens)
        if asked not in self._known:
            with torch.no_grad():
                out = self.model(torch.tensor([asked]), use_cache=False).logits
            self._known[asked] = out[0].float().numpy()
        return self._known[asked]

    def greedy(self, tokens: Sequence[int], count: int) -> list[int]:
        """Returns ``tokens`` and the ``count`` that follow, the likeliest each time."""
        row = list(tokens)
        for _ in range(count):
            row.append(int(self.logits(row)[-1].argmax()))
        return row

    def router_gap(self, tokens: Sequence[int], router: str) -> float:
        """Returns how far the nearest choice of experts is from another one.

        Args:
            tokens: A row.
            router: The class that chooses, as :class:`common.declaration.Port` says.
        """
        import torch

        gaps: list[float] = []

        def measure(module: Any, inputs: Any, outputs: Any) -> None:
            compared, chosen = outputs[0].float(), outputs[-1]
            passed = compared.scatter(-1, chosen, -torch.inf).amax(-1)
            gaps.append(float((compared.gather(-1, chosen).amin(-1) - passed).min()))

        hooks = [
            module.register_forward_hook(measure)
            for module in self.model.modules()
            if type(module).__name__ == router
        ]
        if not hooks:
            raise PortError(f"the oracle has no {router}")
        self.logits(tokens)
        for hook in hooks:
            hook.remove()
        return min(gaps)

    def dead_tensors(self, tokens: Sequence[int]) -> list[str]:
        """Returns the parameters that no logit depends on, by the gradient of a random sum."""
        import torch

        self.model.zero_grad()
        out = self.model(torch.tensor([list(tokens)]), use_cache=False).logits
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
        (out * weights).sum().backward()
        return [
            name
            for name, parameter in self.model.named_parameters()
            if parameter.grad is None or float(parameter.grad.abs().max()) < 1e-6
        ]
