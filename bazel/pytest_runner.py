# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Runs pytest the way Bazel's test protocol asks.

https://bazel.build/reference/test-encyclopedia
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from bazel.declared import use_declared_sources_only


class Shard:
    """Keeps every n-th collected test."""

    def __init__(self, index: int, total: int) -> None:
        self.index = index
        self.total = total
        self.collected = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Deselects what belongs to other shards."""
        self.collected = len(items)
        kept = items[self.index :: self.total]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def build_extensions(home: str) -> None:
    """Builds MAX's extensions in Mojo, unless the cache in the folder ``home`` has them.

    MAX does so at its import, and tests that start together would read what another still writes.
    """
    if importlib.util.find_spec("max") is None:
        return
    with open(Path(home, "extensions.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        importlib.import_module("max._kv_cache_ops")


def main() -> int:
    """Runs the test files named in the arguments; returns the exit code."""
    env = os.environ
    use_declared_sources_only()
    args = ["-p", "no:cacheprovider", "-ra", "--durations=5"]
    if "XML_OUTPUT_FILE" in env:
        args.append(f"--junitxml={env['XML_OUTPUT_FILE']}")
    if "TEST_TMPDIR" in env:
        args.append(f"--basetemp={env['TEST_TMPDIR']}/pytest")
    if env.get("TESTBRIDGE_TEST_ONLY"):  # --test_filter
        args += ["-k", env["TESTBRIDGE_TEST_ONLY"]]
    if env.get("TESTBRIDGE_TEST_RUNNER_FAIL_FAST") == "1":
        args.append("--exitfirst")

    if "MODULAR_HOME" in env:
        build_extensions(env["MODULAR_HOME"])
    shard = Shard(int(env.get("TEST_SHARD_INDEX") or 0), int(env.get("TEST_TOTAL_SHARDS") or 1))
    if "TEST_SHARD_STATUS_FILE" in env:
        Path(env["TEST_SHARD_STATUS_FILE"]).touch()

    code = pytest.main(args + sys.argv[1:], plugins=[shard])
    # A shard may rightly get none of the tests, and so may a filter.
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and (
        shard.collected or "TESTBRIDGE_TEST_ONLY" in env
    ):
        return 0
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
