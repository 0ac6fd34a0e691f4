# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where build actions run: with declared sources only, and a home that is gone afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from bazel.declared import use_declared_sources_only


@contextmanager
def in_an_action() -> Iterator[None]:
    """Inside, MAX and transformers can be imported in a build action."""
    use_declared_sources_only()
    with tempfile.TemporaryDirectory() as home:
        # Actions have no home, and MAX wants one.
        os.environ |= {"MODULAR_HOME": home, "HOME": home, "HF_HUB_OFFLINE": "1"}
        yield
