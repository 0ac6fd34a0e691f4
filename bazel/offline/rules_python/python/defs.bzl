# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""The Python rules built into Bazel 7, and a binary that says nothing of where the checkout is.

The built-in py_binary writes the interpreter's path into its launcher, so that two checkouts would
share no output of an action that runs it.
"""

_LAUNCHER = """#!/usr/bin/env bash
set -euo pipefail
sources="${{RUNFILES_DIR:-$0.runfiles}}/{workspace}"
checkout=$(dirname "$(readlink -f "$sources/{lock}")")
# Mojo looks for Python's library by the python on the path.
export PATH="$checkout/.venv/bin:$PATH" PYTHONPATH="$sources"
exec "$checkout/.venv/bin/python" "$sources/{main}" "$@"
"""

def _py_binary_impl(ctx):
    launcher = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(launcher, is_executable = True, content = _LAUNCHER.format(
        workspace = ctx.workspace_name,
        lock = ctx.file._lock.short_path,
        main = ctx.file.main.short_path,
    ))
    runfiles = ctx.runfiles(ctx.files.srcs + ctx.files.data + [ctx.file._lock]).merge_all(
        [dep[DefaultInfo].default_runfiles for dep in ctx.attr.deps],
    )
    return DefaultInfo(executable = launcher, runfiles = runfiles)

_py_binary = rule(
    implementation = _py_binary_impl,
    executable = True,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "deps": attr.label_list(),
        "main": attr.label(mandatory = True, allow_single_file = True),
        "srcs": attr.label_list(allow_files = True),
        "_lock": attr.label(default = "@@//:requirements_lock.txt", allow_single_file = True),
    },
)

def py_binary(name, **kwargs):
    """Ours for this repository, the built-in one for Bazel's own tools."""
    kind = native.py_binary if native.repository_name() != "@" else _py_binary
    kind(name = name, **kwargs)

py_library = native.py_library
py_test = native.py_test
