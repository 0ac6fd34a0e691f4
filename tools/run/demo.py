# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``ports demo``: a port served through MAX, and asked by the openai client."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from architectures import load_port
from common.errors import PortError
from tools.terminal.output import printer
from tools.terminal.progress import progress_line

PROMPT = "The quick brown fox"


def demo(
    slug: Annotated[str, typer.Argument(help="A port; see `./ports list`.")] = "smollm3",
    port: Annotated[
        int | None, typer.Option(help="TCP port on 127.0.0.1; any free one by default.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it serving.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Serves a small random checkpoint of a port on the CPU and asks it something.

    Example: ./ports demo cohere2 --keep
    """
    from tools.read.preflight import preflight

    from .serving import Server, command, end_on_signals, free_port

    end_on_signals()
    declared = load_port(slug)
    tcp_port = free_port(port)
    log = Console(stderr=True)
    # A place that lasts, so that the printed command can be run by hand.
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(cache) / "max-ports" / "demo" / slug
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PortError(f"{directory} cannot be made: {error.strerror}") from None
    if not os.access(directory, os.W_OK):
        raise PortError(f"{directory} cannot be written")
    server: Server | None = None
    kept = False
    try:
        with progress_line(log) as progress:
            progress("writing a small random checkpoint")
            from proof.checkpoints import write_checkpoint

            write_checkpoint(declared, declared.fixtures[0], directory)
            progress("checking it")
            preflight(directory)
            server = Server(command(directory, port=tcp_port, max_length=512), tcp_port)
            server.wait(progress)
            progress("asking")
            answer = _ask(server.url, str(directory))
        kept = keep
        answer["command"] = server.shell
        if kept:
            answer |= {"url": f"{server.url}/v1", "pid": server.process.pid}
        if as_json:
            print(json.dumps(answer, indent=2))
        else:
            _print(answer, kept, printer())
    finally:
        if server and not kept:
            server.stop()


def _ask(url: str, model: str) -> dict[str, object]:
    from openai import OpenAI

    client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    # The first request pays for what is set up on demand.
    client.completions.create(model=model, prompt=PROMPT, max_tokens=2, temperature=0)
    began = time.monotonic()
    completion = client.completions.create(model=model, prompt=PROMPT, max_tokens=64, temperature=0)
    seconds = time.monotonic() - began
    chat = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Hello!"}],
        max_tokens=32,
        temperature=0,
    )
    tokens = completion.usage.completion_tokens if completion.usage else 0
    return {
        "prompt": PROMPT,
        "completion": completion.choices[0].text,
        "chat": chat.choices[0].message.content,
        "tokens_per_second": round(tokens / seconds, 1),
    }


def _print(answer: dict[str, object], kept: bool, console: Console) -> None:
    console.print("The weights are random, so the answers are gibberish.\n")
    for name in ("completion", "chat"):
        console.print(f"[bold]{name}[/] ", end="")
        console.print(repr(answer[name]), markup=False, highlight=False)
    console.print(f"[bold]speed[/] {answer['tokens_per_second']} tokens/s")
    if kept:
        console.print(f"\nServing at {answer['url']}; stop it with: kill {answer['pid']}")
    console.print("\nBy hand:")
    console.print(str(answer["command"]), markup=False, highlight=False, soft_wrap=True)
