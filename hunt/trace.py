# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Traces the fixtures that hunts are tested on, with a tap on every layer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from common.compiled.target import Target
from common.declaration import Fixture, Port
from proof.batch import Batch
from proof.checkpoints import write_checkpoint
from proof.harness import build
from proof.trace import tracing

from .taps import tapping


def hunted(port: Port) -> Fixture | None:
    """Returns the fixture of a port that hunts are tested on, if there is one."""
    return next((fixture for fixture in port.fixtures if fixture.hunted), None)


def trace_hunted(ports: Sequence[Port], target: Target, directory: Path) -> None:
    """Traces such fixtures of ports into a folder, which stays empty if there is none."""
    batch = Batch(target)
    with tempfile.TemporaryDirectory() as scratch, tracing(Path(scratch, "beside")):
        for port in ports:
            if fixture := hunted(port):
                path = Path(scratch) / port.model_type
                write_checkpoint(port, fixture, path, dtype=target.encoding)
                with batch.collecting(port.model_type), tapping({}):
                    build(path, max_batch_size=1, target=target)
    if batch.pending:
        batch.write(directory)
