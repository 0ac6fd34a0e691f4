# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""`pip.parse`, on the environment in .venv."""

_ENV_BUILD = """\
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")

package(default_visibility = ["//visibility:public"])

py_runtime(
    name = "runtime",
    interpreter_path = "{python}",
    python_version = "PY3",
    stub_shebang = "#!{python}",
)

py_runtime_pair(
    name = "runtime_pair",
    py3_runtime = ":runtime",
)

toolchain(
    name = "toolchain",
    toolchain = ":runtime_pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

# A package is importable whatever depends on it; the dependency is what makes a change to the lock
# run the test again.
_PACKAGE_BUILD = """\
load("@rules_python//python:defs.bzl", "py_library")

py_library(
    name = "{name}",
    data = ["@@//:requirements_lock.txt"],
    visibility = ["//visibility:public"],
)
"""

def _env_impl(rctx):
    root = rctx.path(rctx.attr.requirements_lock).dirname
    rctx.watch(rctx.attr.requirements_lock)
    made = rctx.execute([root.get_child("ports"), "env"], timeout = 1800, quiet = False)
    if made.return_code:
        fail("./ports env failed: " + made.stderr)
    rctx.file("BUILD.bazel", _ENV_BUILD.format(python = made.stdout.strip()))

_ATTRS = {
    "python_version": attr.string(mandatory = True),
    "requirements_lock": attr.label(mandatory = True),
}

_env = repository_rule(
    implementation = _env_impl,
    attrs = _ATTRS,
)

def _hub_impl(rctx):
    for line in rctx.read(rctx.attr.requirements_lock).splitlines():
        if line[:1].isalnum() and "==" in line:
            name = line.split("==")[0].split("[")[0].lower().replace("-", "_").replace(".", "_")
            rctx.file(name + "/BUILD.bazel", _PACKAGE_BUILD.format(name = name))
    rctx.file("BUILD.bazel", "")

_hub = repository_rule(
    implementation = _hub_impl,
    attrs = _ATTRS,
)

def _pip_impl(mctx):
    for mod in mctx.modules:
        for hub in mod.tags.parse:
            kwargs = {
                "python_version": hub.python_version,
                "requirements_lock": hub.requirements_lock,
            }
            _hub(name = hub.hub_name, **kwargs)
            _env(name = "env", **kwargs)

pip = module_extension(
    implementation = _pip_impl,
    tag_classes = {"parse": tag_class(attrs = dict(
        _ATTRS,
        hub_name = attr.string(mandatory = True),
    ))},
)
