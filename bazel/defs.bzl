# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Macros: pytest targets, and the targets of a port."""

load("@gpu//:defs.bzl", "GPUS")
load("@rules_python//python:defs.bzl", "py_library", "py_test")
load(":compiled.bzl", "NOWHERE", "by_device")

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
        deps = deps + [
            "//bazel:action",
            "@pip//pytest",
        ],
        **kwargs
    )

def port():
    """The targets of a folder under architectures/: its library, and its tests on each kind of device.

    The tests depend on this port, common/ and its compiled graphs, and compile nothing.
    `gpu_test` is for the lanes of .bazelrc: graphs are compiled for the lane's GPU anywhere, and run
    where there is one.
    """
    slug = native.package_name().split("/")[-1]
    graphs, ranks = ["//architectures:%s_%s" % (slug, kind) for kind in ("graphs", "ranks")]
    native.exports_files(["proof.json"])
    py_library(
        name = slug,
        srcs = native.glob(["*.py"]),
        visibility = ["//visibility:public"],
        deps = [
            "//architectures:registry",
            "//common",
        ],
    )
    attributes = dict(
        timeout = "long",
        srcs = ["//tests/port:test_port.py"],
        data = [
            graphs,
            ranks,
            "//architectures:beside",
        ],
        env = {
            "PORT": slug,
            "COMPILED": "$(rootpath %s)" % graphs,
            "RANKED": "$(rootpath %s)" % ranks,
            "BESIDE": "$(rootpath //architectures:beside)",
        },
        deps = [
            ":" + slug,
            "//hunt",
        ],
    )
    pytest_test(
        name = "test",
        target_compatible_with = by_device([], NOWHERE),
        **attributes
    )
    pytest_test(
        name = "gpu_test",
        tags = [
            "gpu",
            "resources:gpu:1",
        ],
        target_compatible_with = by_device(
            NOWHERE,
            [] if GPUS else NOWHERE,
            [] if GPUS > 1 else NOWHERE,
        ),
        **attributes
    )
