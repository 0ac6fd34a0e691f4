# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports diff``: which tensor of a port differs first from the reference, and why."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from common.declaration import Port
from common.errors import PortError
from hunt.causes import CAUSES
from hunt.symptoms import SYMPTOMS
from tools.terminal.files import write_whole
from tools.terminal.output import print_json, print_table, printer
from tools.terminal.progress import progress_line

if TYPE_CHECKING:
    from hunt.diagnosis import TensorDifference
    from hunt.divergence import Hunt

#: Longer than small windows, and with repetitions that attention can find.
PROMPT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the"
    " age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the"
    " season of Light, it was the season of Darkness, it was the spring of hope"
)
#: Tokens for a fixture: more than the widest window of one, 128.
TOKENS = 160
#: More tensors than these are shown by layer, except around the first wrong one.
SHOWN = 60
#: The causes of each symptom.
TABLE = {symptom.key: symptom.causes for symptom in SYMPTOMS}


@contextmanager
def _checkpoint(port: Port, given: Path | None, dtype: str) -> Iterator[Path]:
    """Gives the checkpoint, checked, or the port's first fixture."""
    from tools.read.preflight import port_class, preflight

    if given is None:
        from proof.checkpoints import write_checkpoint

        with tempfile.TemporaryDirectory() as scratch:
            fixture = port.fixtures[0]
            yield write_checkpoint(port, fixture, Path(scratch) / fixture.name, dtype=dtype)
        return
    from common.checkpoint import read_config

    name = port_class(read_config(given))
    if name not in port.classes:
        served = ", ".join(port.classes)
        raise PortError(f"{given} is of {name}; {port.model_type} is the port of {served}")
    preflight(given)
    yield given


def read_ids(file: Path) -> list[int]:
    """Returns the token ids of a file: a JSON list, or numbers between spaces or commas.

    Raises:
        PortError: If it cannot be read, or holds something else.
    """
    try:
        words = file.read_text().replace(",", " ").strip().removeprefix("[").removesuffix("]")
    except (OSError, UnicodeDecodeError) as error:
        raise PortError(f"{file} cannot be read: {error}") from None
    try:
        found = [int(word) for word in words.split()]
    except ValueError as error:
        raise PortError(f"{file} holds no list of token ids: {error}") from None
    if not found:
        raise PortError(f"{file} holds no token id")
    return found


def chosen_tokens(
    directory: Path, settings: Any, prompt: str | None, ids: Path | None, fixture: bool
) -> list[int]:
    """Returns the tokens of the prompt.

    Raises:
        PortError: If there is none, or one is not of the vocabulary.
    """
    if ids is not None:
        tokens = read_ids(ids)
    elif prompt is None and fixture:
        from proof.parity import tokens as random_tokens

        return random_tokens(TOKENS)
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
        tokens = list(tokenizer(PROMPT if prompt is None else prompt).input_ids)
        if not tokens:
            raise PortError("the prompt has no token")
    vocabulary = settings.vocab_size
    if (worst := max(tokens, key=lambda t: (t < 0, t))) >= vocabulary or worst < 0:
        raise PortError(f"token {worst} is not of the vocabulary, which has 0 to {vocabulary - 1}")
    return tokens


def check_lengths(prompt: Sequence[int], steps: int, longest: int) -> None:
    """Refuses more tokens than the graph takes.

    Raises:
        PortError: If there are.
    """
    if len(prompt) + steps >= longest:
        raise PortError(
            f"{len(prompt)} tokens and {steps} decoded are more than --max-length {longest} takes"
        )


def diff(
    slug: Annotated[str, typer.Argument(help="The port; see `./ports list`.")],
    checkpoint: Annotated[
        Path | None, typer.Argument(help="A checkpoint; by default the port's first fixture.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Text to prefill.")] = None,
    ids: Annotated[Path | None, typer.Option(help="File of token ids to prefill instead.")] = None,
    decode_step: Annotated[
        int, typer.Option(min=0, help="How many tokens to decode through the cache.")
    ] = 4,
    dtype: Annotated[str, typer.Option(help="What the port computes in.")] = "float32",
    max_length: Annotated[
        int, typer.Option(min=2, help="Longest sequence of the graph; another one recompiles.")
    ] = 512,
    html: Annotated[Path | None, typer.Option(help="Where to write a page about it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Names the first tensor in which a port differs from transformers, and the likely cause.

    Both sides see the same tokens: the prompt in one prefill, then tokens one by one through the
    paged cache. Exit code 0 if nothing differs by more than rounding, 1 if something does.

    Example: ./ports diff cohere2 ~/checkpoints/c4ai-command-r7b --html hunt.html
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    from tools.port.package import open_package

    if dtype not in ("float32", "bfloat16"):
        raise PortError(f"no dtype {dtype!r}; ports compute in float32 or bfloat16")
    if prompt is not None and ids is not None:
        raise PortError("--prompt and --ids are two ways to say the same; give one")
    if html is not None and not html.absolute().parent.is_dir():
        raise PortError(f"{html.parent} does not exist; --html writes into a folder that does")
    if html is not None and html.is_dir():
        raise PortError(f"{html} is a folder; give --html a file")
    port = open_package(slug).port
    with (
        progress_line(Console(stderr=True)) as progress,
        _checkpoint(port, checkpoint, dtype) as at,
    ):
        found = _hunt(port, at, (prompt, ids), decode_step, dtype, max_length, checkpoint, progress)
    name = str(checkpoint) if checkpoint else f"fixture {port.fixtures[0].name}"
    if html is not None:
        from .page import page

        write_whole(html, page(found, name))
    if as_json:
        print_json(found.to_json())
    else:
        print_hunt(found, printer())
    if not found.clean:
        raise typer.Exit(1)


def _hunt(
    port: Port,
    directory: Path,
    given: tuple[str | None, Path | None],
    steps: int,
    dtype: str,
    max_length: int,
    checkpoint: Path | None,
    progress: Callable[[str], None],
) -> Hunt:
    progress("importing MAX and transformers")
    from hunt.divergence import hunt
    from hunt.subject import Subject

    subject = Subject.of(port, directory)
    tokens = chosen_tokens(directory, subject.settings, *given, fixture=checkpoint is None)
    check_lengths(tokens, steps, max_length)
    return hunt(subject, tokens, steps, TABLE, progress, encoding=dtype, max_length=max_length)


def _shown(found: Hunt) -> list[TensorDifference]:
    if len(found.shown) <= SHOWN:
        return found.shown
    first = found.first
    near = ".".join(first.name.split(".")[:2]) if first else ""
    return [
        d
        for d in found.shown
        if d is first or d.name.count(".") < 2 or (near and d.name.startswith(near + "."))
    ]


def print_hunt(found: Hunt, console: Console) -> None:
    """Prints the table, the verdict and the causes."""
    columns = ("tensor", "error", "cosine", "norm ratio", "worst", "at")
    rows = [
        (
            ("✗ " if d.wrong else "  ") + d.name,
            f"{d.error:.1e}",
            f"{d.cosine:.6f}",
            f"{d.norm_ratio:.4g}",
            f"{d.worst:.1e}",
            f"{d.at[0]}, {d.at[1]}",
        )
        for d in _shown(found)
    ]
    if rows:
        print_table(columns, rows)
    for line in verdict(found):
        console.print(line, highlight=False, soft_wrap=True)


def verdict(found: Hunt) -> Iterator[str]:
    """Yields what was found, in lines with rich's markup."""
    if found.oracle:
        yield "[red]the reference is not to be believed here[/]"
        yield from (f"  {escape(problem)}" for problem in found.oracle)
        return
    if found.uncompared:
        yield f"not compared, the reference has none: {escape(', '.join(found.uncompared))}"
    first = found.first
    if first is None:
        yield f"[green]no divergence[/] in {len(found.tokens)} tokens, prefill and decode"
        return
    yield (
        f"[red]first wrong tensor: {escape(first.name)}[/], in {found.phase}: a token is off by"
        f" {first.error:.1e} of it, where rounding makes {first.limit:.0e}"
    )
    if found.cache:
        yield "one prefill over the same tokens is right: it is the cache, not the graph"
    if found.symptoms:
        yield f"seen: {', '.join(found.symptoms)} (docs/divergences.md)"
    for cause in found.causes[:3]:
        yield f"[bold]{cause.id}[/] ({cause.share}): {escape(cause.evidence)}"
        yield f"    {escape(CAUSES[cause.id].what)}; look at {escape(CAUSES[cause.id].check)}"
