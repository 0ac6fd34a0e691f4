# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports compare``: a served checkpoint against transformers, over the API that users have.

The API shows probabilities of tokens, not tensors, so this finds that something is wrong and at
which length; ``verify`` compares logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from common.errors import PortError
from tools.terminal.output import print_json, printer
from tools.terminal.progress import progress_line

PROMPT = "The capital of France is"
#: Prompt lengths: one token, a few, and more than a page of the KV cache or a small window.
PROBE = (1, 5, 20, 50, 100, 200)
#: Relative difference of a top token's log probability under which two models agree.
REL_DIFF = 0.05
#: Log probabilities near 0 make any difference a large one; this much is rounding of bfloat16.
ABS_DIFF = 0.02
#: Greedy tokens; rounding of bfloat16 can part two texts after a dozen.
GREEDY, ROUNDING = 32, 12

ALIGNED, DIVERGED = "aligned", "diverged"


@dataclass(frozen=True)
class Top:
    """The likeliest next token."""

    token: str
    logprob: float


@dataclass(frozen=True)
class Probe:
    """One position.

    Attributes:
        tokens: Length of the prompt.
        transformers: What the reference thinks likeliest.
        max: What the server does.
    """

    tokens: int
    transformers: Top
    max: Top

    @property
    def rel_diff(self) -> float:
        """The difference of the log probabilities over that of the reference."""
        expected = self.transformers.logprob
        return abs(self.max.logprob - expected) / max(abs(expected), 1e-9)

    @property
    def verdict(self) -> str:
        """``aligned`` if the tokens and their probabilities are the same."""
        near = abs(self.max.logprob - self.transformers.logprob) < ABS_DIFF
        same = self.transformers.token == self.max.token
        return ALIGNED if same and (near or self.rel_diff < REL_DIFF) else DIVERGED

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values."""
        return {**asdict(self), "rel_diff": self.rel_diff, "verdict": self.verdict}


@dataclass(frozen=True)
class Text:
    """The greedy continuations of the prompt, and how many tokens they share."""

    transformers: str
    max: str
    same: int
    tokens: int

    @property
    def verdict(self) -> str:
        """``aligned`` if they are equal, or part so late that rounding explains it."""
        return ALIGNED if self.same >= min(ROUNDING, self.tokens) else DIVERGED

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Alignment:
    """The probe and the text."""

    probe: tuple[Probe, ...]
    text: Text

    @property
    def verdict(self) -> str:
        """``aligned`` if everything is."""
        parts = {self.text.verdict, *(probe.verdict for probe in self.probe)}
        return DIVERGED if DIVERGED in parts else ALIGNED

    @property
    def symptom(self) -> str | None:
        """Which symptom of docs/divergences.md this is, if it diverges."""
        verdicts = [probe.verdict for probe in self.probe]
        if self.verdict == ALIGNED:
            return None
        if verdicts[0] == DIVERGED:
            return "wrong-at-first-token"
        return "wrong-from-some-length" if DIVERGED in verdicts else "text-parts"

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values."""
        return {
            "probe": [probe.to_json() for probe in self.probe],
            "text": self.text.to_json(),
            "verdict": self.verdict,
            "symptom": self.symptom,
        }


def shared(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Returns the length of the common beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


class LocalReference:
    """transformers' side.

    Args:
        directory: The checkpoint.
    """

    def __init__(self, directory: Path) -> None:
        from transformers import AutoTokenizer

        from proof.oracle import Oracle
        from tools.read.preflight import check_tokenizer

        self.oracle = Oracle(directory)
        check_tokenizer(directory, self.oracle.model.config.vocab_size)
        self.tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
        longest = getattr(self.oracle.model.config, "max_position_embeddings", None)
        self.longest = longest if isinstance(longest, int) else PROBE[-1] + GREEDY

    def tokens(self, prompt: str, count: int) -> list[int]:
        """Returns the prompt's tokens, repeated up to ``count``."""
        found = self.tokenizer(prompt).input_ids
        if not found:
            raise PortError("the prompt has no token")
        return (found * (count // len(found) + 1))[:count]

    def text(self, tokens: Sequence[int]) -> str:
        """Returns what tokens say, as the server would put it."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def greedy(self, tokens: Sequence[int], count: int) -> list[tuple[int, float]]:
        """Returns the likeliest continuation, each token with its log probability."""
        import numpy as np

        from proof.metrics import log_softmax

        found: list[tuple[int, float]] = []
        for _ in range(count):
            logits = self.oracle.logits([*tokens, *(token for token, _ in found)])
            last = log_softmax(logits[-1].astype(np.float64))
            found.append((int(last.argmax()), float(last.max())))
        return found


class Served:
    """The server's side.

    Args:
        url: Of the server.

    Raises:
        PortError: If nothing answers there.
    """

    def __init__(self, url: str) -> None:
        from openai import OpenAI, OpenAIError

        self.client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        try:
            self.model = self.client.models.list().data[0].id
        except (OpenAIError, IndexError):
            raise PortError(
                f"no model is served at {url}; start one with ./ports serve, or add --serve"
            ) from None

    def greedy(self, prompt: Sequence[int], count: int) -> tuple[str, list[Top]]:
        """Returns the likeliest continuation, and its tokens."""
        from openai import OpenAIError

        try:
            answer = self.client.completions.create(
                model=self.model,
                prompt=list(prompt),
                max_tokens=count,
                temperature=0,
                logprobs=1,
            )
        except OpenAIError as error:
            raise PortError(f"the server refuses a prompt of {len(prompt)}: {error}") from None
        found = answer.choices[0].logprobs
        # MAX names tokens here only.
        each = (found.top_logprobs or []) if found else []
        tops = [Top(*max(top.items(), key=lambda item: item[1])) for top in each if top]
        if not tops:
            raise PortError("the server answers without log probabilities")
        return answer.choices[0].text, tops


def compared(
    directory: Path,
    url: str,
    prompt: str = PROMPT,
    lengths: Sequence[int] = PROBE,
    name: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Alignment:
    """Compares a server with transformers on the checkpoint that it serves.

    Args:
        directory: The checkpoint.
        url: The server's, without ``/v1``.
        prompt: What to continue.
        lengths: After how many tokens to compare the next.
        name: Under which it may be served, beside its directory.
        progress: Told what is done.

    Raises:
        PortError: If the server does not answer, or serves something else.
    """
    served = Served(url)
    if served.model != name and Path(served.model).resolve() != directory.resolve():
        raise PortError(f"{url} serves {served.model}, not {directory}")
    progress("loading the reference")
    reference = LocalReference(directory)
    probe = []
    for length in lengths:
        if length >= reference.longest:
            continue
        progress(f"probing after {length} tokens")
        tokens = reference.tokens(prompt, length)
        ((token, logprob),) = reference.greedy(tokens, 1)
        _, (found, *_) = served.greedy(tokens, 1)
        probe.append(Probe(length, Top(str(reference.tokenizer.decode([token])), logprob), found))
    progress("comparing greedy texts")
    tokens = reference.tokenizer(prompt).input_ids
    expected = [token for token, _ in reference.greedy(tokens, GREEDY)]
    text, tops = served.greedy(tokens, GREEDY)
    words = [str(reference.tokenizer.decode([token])) for token in expected]
    said = reference.text(expected)
    # Bytes of a split character decode differently alone; equal texts need no such look.
    same = GREEDY if said == text else shared(words, [top.token for top in tops])
    return Alignment(tuple(probe), Text(said, text, same, GREEDY))


@contextmanager
def serving(
    directory: Path, max_length: int, extra: Sequence[str], progress: Callable[[str], None]
) -> Iterator[str]:
    """Serves a checkpoint while something asks it; yields the URL."""
    from tools.read.preflight import preflight
    from tools.run.serving import Server, command, free_port

    progress("checking the checkpoint")
    preflight(directory, max_length=max_length)
    port = free_port()
    server = Server(command(directory, port=port, max_length=max_length, extra=tuple(extra)), port)
    try:
        server.wait(progress)
        yield server.url
    finally:
        server.stop()


def compare(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(help="The checkpoint: a directory, or a name of the Hub."),
    ],
    slug: Annotated[str, typer.Option(help="Its port; see `./ports list`.")],
    port: Annotated[int, typer.Option(help="TCP port of the server on 127.0.0.1.")] = 8000,
    prompt: Annotated[str, typer.Option(help="What to continue.")] = PROMPT,
    serve: Annotated[bool, typer.Option("--serve", help="Start the server, and end it.")] = False,
    max_length: Annotated[int, typer.Option(help="With --serve: longest sequence.")] = 512,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compares a served checkpoint with transformers: top tokens at six lengths, and a text.

    Exit code 0 if aligned, 1 if diverged. With --serve, further options go to `max serve`.

    Example: ./ports compare ~/checkpoints/pythia-160m --slug gpt_neox --port 8000
    """
    from common.checkpoint import read_config
    from tools.port.package import open_package
    from tools.read.preflight import located

    declared = open_package(slug).port
    with progress_line(Console(stderr=True)) as progress:
        directory = located(model, progress, max_length=max_length).resolve()
        classes = read_config(directory).get("architectures")
        if not isinstance(classes, list) or not declared.classes.keys() & {*map(str, classes)}:
            served = ", ".join(declared.classes)
            raise PortError(f"{model} is of {classes}; {slug} is the port of {served}")
        if serve:
            with serving(directory, max_length, context.args, progress) as url:
                found = compared(directory, url, prompt, progress=progress)
        else:
            url = f"http://127.0.0.1:{port}"
            found = compared(directory, url, prompt, name=model, progress=progress)
    if as_json:
        print_json(found.to_json())
    else:
        print_comparison(found, printer())
    if found.verdict != ALIGNED:
        raise typer.Exit(1)


def print_comparison(found: Alignment, console: Console) -> None:
    """Prints the probe, the texts and the verdict."""
    colours = {ALIGNED: "green", DIVERGED: "red"}
    for probe in found.probe:
        theirs, ours = probe.transformers, probe.max
        console.print(
            f"after {probe.tokens:3} tokens  {escape(repr(theirs.token)):12} {theirs.logprob:8.4f}"
            f"  {escape(repr(ours.token)):12} {ours.logprob:8.4f}"
            f"  [{colours[probe.verdict]}]{probe.verdict}[/]",
            highlight=False,
        )
    text = found.text
    for who, said in (("transformers", text.transformers), ("max", text.max)):
        console.print(f"{who:13}{escape(repr(said))}", highlight=False)
    console.print(f"the texts share {text.same} of {text.tokens} tokens")
    console.print(f"[{colours[found.verdict]}]{found.verdict}[/]")
    if found.symptom:
        console.print(f"causes: docs/divergences.md, {found.symptom}", highlight=False)
