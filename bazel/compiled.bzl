# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #

"""Graphs of ports as build outputs: each group of ports compiles once, for all tests."""

load("@rules_python//python:defs.bzl", "py_binary")
load(":groups.bzl", "groups_of")

LaneInfo = provider("What graphs are compiled for.", fields = {"name": "cpu, or a GPU's name"})

lane = rule(
    doc = "A command-line flag: what to compile for, and where to run.",
    implementation = lambda ctx: LaneInfo(name = ctx.build_setting_value),
    build_setting = config.string(flag = True),
)

def _compiled_graphs_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run(
        executable = ctx.executable.compiler,
        arguments = [out.path, ctx.attr.lane or ctx.attr._lane[LaneInfo].name] + ctx.attr.ports,
        outputs = [out],
        mnemonic = "CompileGraphs",
        progress_message = "Compiling the graphs of " + ", ".join(ctx.attr.ports),
        use_default_shell_env = True,
        # The compiler keeps two cores busy.
        execution_requirements = {"cpu:2": "", "no-remote-exec": ""},
    )
    return DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))

compiled_graphs = rule(
    doc = "The compiled graphs of ports' fixtures, in a directory.",
    implementation = _compiled_graphs_impl,
    attrs = {
        "compiler": attr.label(mandatory = True, executable = True, cfg = "exec"),
        "lane": attr.string(doc = "What to compile for, if not what the command line says."),
        "ports": attr.string_list(mandatory = True),
        "_lane": attr.label(default = "//bazel:lane"),
    },
)

def compiled_groups(name, ports):
    """Declares the groups, and for each port the alias `<slug>_graphs` of its group's graphs.

    Args:
        name: What groups are named, before their number.
        ports: The slugs of all ports.
    """
    for number, members in groups_of(ports).items():
        group = "%s_%d" % (name, number)
        py_binary(
            name = group + "_compiler",
            srcs = [
                "//bazel:compile_graphs.py",
                "//bazel:declared.py",
            ],
            main = "//bazel:compile_graphs.py",
            deps = ["//architectures/" + port for port in members],
        )
        compiled_graphs(
            name = group,
            compiler = group + "_compiler",
            ports = members,
        )
        for port in members:
            native.alias(
                name = port + "_graphs",
                actual = group,
                visibility = [
                    "//architectures/%s:__pkg__" % port,
                    "//tests:__pkg__",
                ],
            )
