# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Adds up the tests of one Bazel invocation, from its event file, in pytest's closing form."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote, urlparse


def main(events: str) -> None:
    """Prints the counts of every test in the invocation, cached ones included."""
    counts = {"passed": 0, "failed": 0, "skipped": 0, "not built": 0}
    tests = set()
    seconds = 0.0
    for line in Path(events).read_text().splitlines():
        event = json.loads(line)
        identity = event["id"]
        if "testSize" in event.get("configured", {}):
            tests.add(identity["targetConfigured"]["label"])
        # A test that cannot be built has no results: without a count it would go unseen. One for
        # another device than this run's is no test of this run.
        if (
            identity.get("targetCompleted", {}).get("label") in tests
            and event.get("aborted", {}).get("reason") != "SKIPPED"
        ):
            counts["not built"] += not event.get("completed", {}).get("success", False)
        for output in event.get("testResult", {}).get("testActionOutput", []):
            if output["name"] != "test.xml":
                continue
            for suite in (
                ET.parse(unquote(urlparse(output["uri"]).path)).getroot().iter("testsuite")
            ):
                total = int(suite.get("tests", 0))
                failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
                skipped = int(suite.get("skipped", 0) or 0)
                counts["failed"] += failed
                counts["skipped"] += skipped
                counts["passed"] += total - failed - skipped
                seconds += float(suite.get("time", 0) or 0)
    found = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "no tests ran"
    print(f"{'=' * 20} {found} in {seconds:.2f}s {'=' * 20}")


if __name__ == "__main__":
    main(sys.argv[1])
