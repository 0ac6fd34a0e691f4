# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The six depths to which a port can be validated, and what each needs.

Each finds what those before it cannot; the sixth is the proof that ``verify`` gives by default.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from common.declaration import Port

#: Options of ``max serve`` for tiny checkpoints; the same everywhere, so that one compile serves.
SMALL = ("--max-batch-size", "8")
MAX_LENGTH = 512
#: The largest difference of the logarithms of two perplexities: rounding makes 1e-6 of it.
MAX_LOG_PERPLEXITY = 1e-4

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What a tier found about a port.

    Attributes:
        port: Its slug.
        tier: The tier's number.
        holds: Whether it does.
        why: What was found, in a line.
    """

    port: str
    tier: int
    holds: bool
    why: str

    def to_json(self) -> dict[str, object]:
        """Returns it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Tier:
    """A depth of validation.

    Attributes:
        name: In a word or two.
        finds: What it would find.
        run: Validates a port on a checkpoint; None where it cannot run here.
        command: What to run instead, where it needs the network or a GPU.
    """

    name: str
    finds: str
    run: Callable[[Port, Path, Progress], tuple[bool, str]] | None = None
    command: str = ""


def _smoke(port: Port, directory: Path, progress: Progress) -> tuple[bool, str]:
    from .compare import PROMPT, Served, serving

    with serving(directory, MAX_LENGTH, SMALL, progress) as url:
        served = Served(url)
        answer = served.client.completions.create(
            model=served.model, prompt=PROMPT, max_tokens=16, temperature=0
        )
    count = answer.usage.completion_tokens if answer.usage else 0
    return count > 0, f"served, and generated {count} tokens"


def _text(port: Port, directory: Path, progress: Progress) -> tuple[bool, str]:
    from .compare import ALIGNED, compared, serving

    with serving(directory, MAX_LENGTH, SMALL, progress) as url:
        text = compared(directory, url, lengths=(), progress=progress).text
    return text.verdict == ALIGNED, f"greedy texts share {text.same} of {text.tokens} tokens"


def _probe(port: Port, directory: Path, progress: Progress) -> tuple[bool, str]:
    from .compare import ALIGNED, compared, serving

    with serving(directory, MAX_LENGTH, SMALL, progress) as url:
        found = compared(directory, url, progress=progress)
    worst = max(found.probe, key=lambda probe: probe.rel_diff)
    said = f"{len(found.probe)} positions; worst rel_diff {worst.rel_diff:.1e} after {worst.tokens}"
    return found.verdict == ALIGNED, said


def log_perplexity(logits: Sequence[Sequence[float]], tokens: Sequence[int]) -> float:
    """Returns the mean negative log probability of each token after those before it."""
    import numpy as np

    from proof.metrics import log_softmax

    logprobs = log_softmax(np.asarray(logits, np.float64)[: len(tokens) - 1])
    return -float(logprobs[np.arange(len(tokens) - 1), list(tokens[1:])].mean())


def _perplexity(port: Port, directory: Path, progress: Progress) -> tuple[bool, str]:
    from common.declaration import PROMPTS
    from proof.harness import build, generate
    from proof.oracle import Oracle
    from proof.parity import tokens

    progress("compiling (minutes when cold)")
    prompts = [tokens(length) for length in PROMPTS]
    rows = generate(build(directory, max_batch_size=len(prompts)), prompts, 1)
    oracle, worst, perplexity = Oracle(directory), 0.0, 0.0
    for row, prompt in zip(rows, prompts, strict=True):
        expected = log_perplexity(oracle.logits(prompt).tolist(), prompt)
        worst = max(worst, abs(log_perplexity(row.logits.tolist(), prompt) - expected))
        perplexity = max(perplexity, expected)
    said = f"log perplexity {perplexity:.3f}, differs by {worst:.1e} at most"
    return worst <= MAX_LOG_PERPLEXITY, said


#: By number, from 1.
TIERS = (
    Tier("smoke", "what keeps it from serving at all", _smoke),
    Tier("greedy text", "a wrong layer, at the first tokens", _text),
    Tier("probe", "positions, windows and caches, at six lengths", _probe),
    Tier("perplexity", "a bias that greedy tokens hide", _perplexity),
    Tier(
        "benchmark",
        "a wrong tokenizer or chat template; needs the network, real weights and mostly a GPU",
        command=(
            "pip install 'lm-eval[api]' && lm_eval --model local-completions --tasks"
            " hellaswag,gsm8k --model_args model=CHECKPOINT,"
            "base_url=http://127.0.0.1:8000/v1/completions,tokenizer=CHECKPOINT"
            " # beside ./ports serve CHECKPOINT --device gpu --encoding bfloat16;"
            " then the same with --model hf, and compare"
        ),
    ),
    Tier("logit parity", "anything that moves a logit", command="./ports verify SLUG"),
)


def run(number: int, ports: Sequence[Port], progress: Progress) -> list[Result]:
    """Runs a tier on the first fixture of each port.

    Args:
        number: Of a tier that can run here.
        ports: The ports.
        progress: Is told what starts.
    """
    from proof.checkpoints import write_checkpoint

    check = TIERS[number - 1].run
    assert check is not None
    results = []
    for port in ports:
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch) / port.model_type
            write_checkpoint(port, port.fixtures[0], directory)
            results.append(Result(port.model_type, number, *check(port, directory, progress)))
    return results
