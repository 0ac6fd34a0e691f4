# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports reference``: what transformers alone answers, and whether that is text.

It comes first: a port can only be as good as its reference, with the template of the model's card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from common.errors import PortError
from tools.terminal.output import plain, print_json, printer
from tools.terminal.progress import progress_line

PROMPT = "What is the capital of France?"
#: The fixtures, whose weights are random, give their likeliest token .02 on the mean. No trained
#: model was at hand: the limit says only that an answer is as unsure as theirs.
SURE = 0.05
#: The share of characters that print, below which an answer is bytes.
PRINTED = 0.9
#: The share of an answer that one token may have.
SAME = 0.5


@dataclass(frozen=True)
class Answer:
    """What transformers alone answers.

    Attributes:
        prompt: What it was given, after the chat template if there is one.
        chat: Whether the prompt went through the checkpoint's chat template.
        text: The greedy continuation.
        tokens: How many tokens that has.
        probability: The mean probability of these tokens.
        doubts: Why it is no text; empty if it is.
    """

    prompt: str
    chat: bool
    text: str
    tokens: int
    probability: float
    doubts: tuple[str, ...]


def doubts(text: str, tokens: Sequence[int], probability: float) -> tuple[str, ...]:
    """Returns what speaks against an answer's being text."""
    found = []
    if not text.strip():
        return ("the answer is empty",)
    printed = sum((c.isprintable() and c != "\ufffd") or c.isspace() for c in text) / len(text)
    if printed < PRINTED:
        found.append(f"{1 - printed:.0%} of its characters do not print")
    most = Counter(tokens).most_common(1)[0][1]
    if len(tokens) >= 8 and most > SAME * len(tokens):
        found.append(f"one token is {most} of {len(tokens)}")
    if probability < SURE:
        found.append(f"the model is sure of nothing: {probability:.3f} a token on the mean")
    return tuple(found)


def answered(directory: Path, prompt: str, *, chat: bool | None, new_tokens: int) -> Answer:
    """Asks transformers for a greedy continuation, in float32 on the CPU.

    Args:
        directory: The checkpoint.
        prompt: What a user says.
        chat: Whether to use the chat template; by default, if there is one.
        new_tokens: How long the answer may be.

    Raises:
        PortError: If transformers cannot load it, or there is no chat template to use.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from proof.checkpoints import quiet
    from tools.read.preflight import load_config

    config = load_config(directory)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(
                directory, config=config, dtype=torch.float32, trust_remote_code=False
            ).eval()
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise PortError(f"transformers cannot load {directory}: {said}") from None
    templated = tokenizer.chat_template is not None if chat is None else chat
    if templated and tokenizer.chat_template is None:
        raise PortError(f"{directory} has no chat template; leave --chat out")
    text = prompt
    if templated:
        turn = [{"role": "user", "content": prompt}]
        text = str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
    given = tokenizer(text, return_tensors="pt", add_special_tokens=not templated)
    with torch.no_grad(), quiet():
        made = model.generate(
            **given,
            max_new_tokens=new_tokens,
            do_sample=False,
            output_scores=True,
            return_dict_in_generate=True,
        )
    tokens = made.sequences[0, given["input_ids"].shape[1] :].tolist()
    chosen = [
        float(scores[0].float().softmax(-1)[token])
        for scores, token in zip(made.scores, tokens, strict=True)
    ]
    probability = sum(chosen) / len(chosen)
    answer = str(tokenizer.decode(tokens, skip_special_tokens=True))
    against = doubts(answer, tokens, probability)
    return Answer(text, templated, answer, len(tokens), probability, against)


def reference(
    model: Annotated[str, typer.Argument(help="A directory, or a name of the Hub.")],
    prompt: Annotated[str, typer.Option(help="What to ask.")] = PROMPT,
    chat: Annotated[
        bool | None,
        typer.Option("--chat/--no-chat", help="Use the chat template; by default, if any."),
    ] = None,
    new_tokens: Annotated[int, typer.Option(min=1, help="How long the answer may be.")] = 32,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Asks transformers alone, before anything is ported. Exit code 0 if the answer is text.

    If it is not, the checkpoint, its tokenizer or its template is wrong, and no port can mend that.

    Example: ./ports reference HuggingFaceTB/SmolLM3-3B --prompt "What is 2 + 2?"
    """
    from tools.read import hub

    with progress_line(Console(stderr=True)) as progress:
        directory = Path(model).expanduser()
        if hub.is_name(model):
            directory = hub.fetched(model, lambda folder, headers: None, progress)
        progress("transformers answers")
        found = answered(directory, prompt, chat=chat, new_tokens=new_tokens)
    if as_json:
        print_json(asdict(found))
    else:
        console = printer()
        console.print(escape(plain(found.prompt)), style="dim")
        console.print(escape(plain(found.text)))
        for doubt in found.doubts:
            console.print(f"[red]no text[/]: {doubt}")
        if not found.doubts:
            console.print(f"[green]text[/], {found.probability:.2f} a token on the mean")
    if found.doubts:
        raise typer.Exit(1)
