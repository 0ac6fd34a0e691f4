# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #

"""Macros: pytest targets, and the targets of a port."""

load("@rules_python//python:defs.bzl", "py_library", "py_test")

_RUNNER = "//bazel:pytest_runner.py"

def pytest_test(name, srcs, deps = [], args = [], **kwargs):
    """A py_test that runs its `test_*.py` sources with pytest.

    Args:
        name: Name of the test.
        srcs: Test files, and helpers such as conftest.py.
        deps: Libraries; pytest is added.
        args: Further arguments of pytest.
        **kwargs: size, timeout, env, data, shard_count and the rest of py_test's attributes.
    """
    py_test(
        name = name,
        srcs = srcs + [_RUNNER],
        main = _RUNNER,
        args = ["$(rootpath %s)" % src for src in srcs if src.split(":")[-1].startswith("test_")] + args,
        legacy_create_init = 0,
        deps = deps + ["@pip//pytest"],
        **kwargs
    )

def port():
    """The targets of a folder under architectures/: its library, and its proof.

    The proof depends on this port and common/ only, so that editing another port leaves it cached.
    """
    slug = native.package_name().split("/")[-1]
    native.exports_files(["proof.json"])
    py_library(
        name = slug,
        srcs = native.glob(["*.py"]),
        visibility = ["//visibility:public"],
        deps = [
            "//architectures:registry",
            "//common",
            "//common/testing",
        ],
    )
    pytest_test(
        name = "proof",
        timeout = "eternal",
        srcs = ["//tests/port:test_port.py"],
        env = {"PORT": slug},
        deps = [":" + slug],
    )
