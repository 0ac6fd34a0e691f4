# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs ``max serve`` on a checkpoint, and knows where it is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from common.checkpoint import weight_files
from common.errors import PortError

#: What a line of the server's log says about where it is, and how to put it.
STAGES = (
    ("Waiting for model worker", "starting the model worker"),
    ("Initializing model pipeline", "loading the weights"),
    (
        "compiling, and initializing model",
        "compiling the model (minutes when cold, seconds from the cache)",
    ),
    ("compiling, and initializing sampler", "compiling the sampler"),
    ("Model worker ready", "starting the API"),
)


def free_port(wanted: int | None = None) -> int:
    """Returns ``wanted`` if nothing listens there, or any free TCP port of 127.0.0.1.

    Raises:
        PortError: If ``wanted`` is taken, or no port number.
    """
    if wanted is not None and not 0 <= wanted <= 65535:
        raise PortError(f"{wanted} is not a TCP port; --port takes 1 to 65535")
    with socket.socket() as probe:
        # As servers do, so that connections just closed do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError:
            raise PortError(
                f"TCP port {wanted} of 127.0.0.1 is in use; choose another with --port"
            ) from None
        return probe.getsockname()[1]


def command(
    directory: Path,
    *,
    port: int,
    device: str = "cpu",
    encoding: str = "float32",
    max_length: int | None = None,
    architectures: str = "",
    extra: tuple[str, ...] = (),
) -> list[str]:
    """Returns the ``max serve`` command for a checkpoint, as a list of arguments."""
    import architectures as package

    spec = architectures or str(Path(package.__path__[0]))
    # Left to choose, MAX takes all files of a dtype it wants, in folders below too.
    weights = map(str, weight_files(directory))
    return [
        str(Path(sys.executable).parent / "max"),
        "serve",
        *("--model-path", str(directory)),
        *(part for file in weights for part in ("--weight-path", file)),
        *("--custom-architectures", spec),
        *("--devices", device),
        *("--quantization-encoding", encoding),
        *(("--max-length", str(max_length)) if max_length else ()),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *extra,
    ]


def environment() -> dict[str, str]:
    """Returns the environment for ``max``: no model hub, no telemetry, unless the caller's asks.

    To be passed on as it is: importing MAX sets PYTHONEXECUTABLE in the C environment only, and a
    child that inherits that one starts as another Python, without MAX.
    """
    return {"HF_HUB_OFFLINE": "1", "MAX_SERVE_DISABLE_TELEMETRY": "1", **os.environ}


def healthy(url: str) -> bool:
    """Whether a server answers."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False


class Server:
    """``max serve`` in a process group of its own.

    Args:
        arguments: From :func:`command`.
        port: The TCP port among them.
    """

    def __init__(self, arguments: list[str], port: int) -> None:
        self.arguments = arguments
        self.url = f"http://127.0.0.1:{port}"
        # MAX leaves its sockets where temporary files go.
        self.scratch = Path(tempfile.mkdtemp(prefix="max-serve-"))
        self.log = self.scratch / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**environment(), "TMPDIR": str(self.scratch)},
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def shell(self) -> str:
        """The command as a person would type it."""
        return shlex.join(self.arguments)

    def stage(self) -> str:
        """Returns what the server is doing, by its log."""
        text, stage = self.log.read_text(errors="replace"), "importing MAX"
        for sign, words in STAGES:
            if sign in text:
                stage = words
        return stage

    def wait(self, progress: Callable[[str], None]) -> None:
        """Waits until the server answers; tells ``progress`` the stage, each second.

        Raises:
            PortError: If the server ends first, with the last error of its log.
        """
        while not healthy(self.url):
            if self.process.poll() is not None:
                errors = re.findall(r"^.*(?:Error|ERROR|error|ports): .*$", self._log(), re.M)
                said = errors[-1].strip() if errors else "without an error"
                raise PortError(f"max serve ended: {said}; to see more, run {self.shell}")
            progress(self.stage())
            time.sleep(1)

    def follow(self, out: IO[str]) -> None:
        """Copies the log to ``out`` as it grows, until the server ends.

        Raises:
            PortError: When it does: nobody here has stopped it.
        """
        with self.log.open(errors="replace") as log:
            while text := log.read() or self.process.poll() is None:
                if isinstance(text, str):
                    out.write(text)
                    out.flush()
                else:
                    time.sleep(0.2)
        raise PortError(f"max serve ended with code {self.process.returncode}")

    def _log(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Ends the server and its workers, and removes the log and the sockets."""
        for kind, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, kind)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and _group_alive(self.process):
                time.sleep(0.1)
        shutil.rmtree(self.scratch, ignore_errors=True)


def end_on_signals() -> None:
    """Lets a signal end this process as an exception does, so that it takes its server along.

    The server has a session of its own, and would outlive it.
    """
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda number, frame: sys.exit(128 + number))


def _group_alive(leader: subprocess.Popen[bytes]) -> bool:
    # Reaps the leader, without which its group would live on as a zombie.
    leader.poll()
    try:
        os.killpg(leader.pid, 0)
    except ProcessLookupError:
        return False
    return True
