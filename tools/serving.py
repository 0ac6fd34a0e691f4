# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""Checks a checkpoint without compiling, and runs ``max serve`` on it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
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
from typing import Any

from common.errors import PortError, nearest
from common.testing.declare import load_port

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


def _config(directory: Path) -> dict[str, Any]:
    if not directory.exists():
        raise PortError(f"{directory} does not exist; give the directory of a checkpoint")
    file = directory / "config.json"
    if not file.is_file():
        raise PortError(f"{directory} has no config.json; give the directory of a checkpoint")
    try:
        config = json.loads(file.read_text())
    except ValueError as error:
        raise PortError(f"{file} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise PortError(f"{file} is not a JSON object")
    return config


def _port_class(config: dict[str, Any]) -> str:
    from architectures import ARCHITECTURES

    name = (config.get("architectures") or ["none"])[0]
    if name in ARCHITECTURES.classes:
        return name
    from max.pipelines.lib.registry import PIPELINE_REGISTRY

    if PIPELINE_REGISTRY._arch_lookup.resolve(name):
        raise PortError(f"MAX serves {name} itself: run `max serve` without these ports")
    remote = (
        "; its code comes with the checkpoint (auto_map), and there is no reference to prove a"
        " port against"
        if config.get("auto_map")
        else ""
    )
    raise PortError(f"no port for {name}{remote or nearest(name, ARCHITECTURES.classes)}")


def _weight_files(directory: Path) -> list[Path]:
    from safetensors import SafetensorError, safe_open

    index = directory / "model.safetensors.index.json"
    if index.is_file():
        names = set(json.loads(index.read_text())["weight_map"].values())
        files = [directory / name for name in sorted(names)]
    else:
        files = sorted(directory.glob("*.safetensors"))
    if not files:
        raise PortError(f"{directory} has no *.safetensors; MAX loads no other format here")
    for file in files:
        if not file.is_file():
            raise PortError(f"{file} is missing, but {index.name} names it")
        try:
            with safe_open(file, "numpy"):
                pass
        except SafetensorError as error:
            raise PortError(
                f"{file} is not a whole safetensors file ({error}); download it again"
            ) from None
    return files


def preflight(directory: Path) -> list[str]:
    """Checks everything about a checkpoint that needs no compile. Runs no code of it.

    Args:
        directory: The checkpoint.

    Returns:
        Warnings.

    Raises:
        PortError: For the first thing that would keep the checkpoint from being served.
    """
    raw = _config(directory)
    class_name = _port_class(raw)
    files = _weight_files(directory)

    from max.graph.weights import WeightsFormat, load_weights
    from transformers import AutoConfig

    from architectures import ARCHITECTURES
    from common.adapters import adapt, audit

    architecture = load_port(ARCHITECTURES.classes[class_name]).architecture()
    try:
        huggingface_config = AutoConfig.from_pretrained(directory, trust_remote_code=False)
    except (KeyError, TypeError, ValueError) as error:
        # transformers checks some keys itself, in words of its own.
        raise PortError(f"transformers refuses {directory / 'config.json'}: {error}") from None
    config = architecture.config.from_huggingface(huggingface_config)
    weights = dict(load_weights(files).items())
    dtype = next(iter(weights.values())).data().dtype
    config = dataclasses.replace(config, dtype=dtype)
    weight_map = architecture.weight_adapters[WeightsFormat.safetensors].weight_map
    audit(
        adapt(config, weight_map, weights, dtype),
        architecture.pipeline_model.decoder_cls(config).raw_state_dict(),
    )
    return [
        f"config.json sets {key!r}, which the port neither reads nor knows to be without effect"
        for key in architecture.config.unaccounted(huggingface_config, raw)
    ]


def free_port(wanted: int | None = None) -> int:
    """Returns ``wanted`` if nothing listens there, or any free TCP port of 127.0.0.1.

    Raises:
        PortError: If ``wanted`` is taken.
    """
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
    return [
        str(Path(sys.executable).parent / "max"),
        "serve",
        *("--model-path", str(directory)),
        *("--custom-architectures", spec),
        *("--devices", device),
        *("--quantization-encoding", encoding),
        *(("--max-length", str(max_length)) if max_length else ()),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *extra,
    ]


class Server:
    """``max serve`` in a process group of its own.

    Args:
        arguments: From :func:`command`.
        port: The TCP port among them.
    """

    def __init__(self, arguments: list[str], port: int) -> None:
        self.arguments = arguments
        self.url = f"http://127.0.0.1:{port}"
        with tempfile.NamedTemporaryFile("w", suffix=".max-serve.log", delete=False) as log:
            self.log = Path(log.name)
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "MAX_SERVE_DISABLE_TELEMETRY": "1"},
            )

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

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as response:
                return response.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def wait(self, progress: Callable[[str], None]) -> None:
        """Waits until the server answers; tells ``progress`` the stage, each second.

        Raises:
            PortError: If the server ends first, with the last error of its log.
        """
        while not self.healthy():
            if self.process.poll() is not None:
                errors = re.findall(r"^.*(?:Error|ERROR|error|ports): .*$", self._log(), re.M)
                said = errors[-1].strip() if errors else "without an error"
                raise PortError(f"max serve ended: {said}; to see more, run {self.shell}")
            progress(self.stage())
            time.sleep(1)

    def _log(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Ends the server and its workers, and removes the log."""
        for kind, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, kind)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and _group_alive(self.process):
                time.sleep(0.1)
        self.log.unlink(missing_ok=True)


def _group_alive(leader: subprocess.Popen[bytes]) -> bool:
    # Reaps the leader, without which its group would live on as a zombie.
    leader.poll()
    try:
        os.killpg(leader.pid, 0)
    except ProcessLookupError:
        return False
    return True
