# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #

"""Graphs of ports as build outputs: they compile once, for all tests."""

load("@rules_python//python:defs.bzl", "py_binary")
load(":groups.bzl", "groups_of")

LaneInfo = provider("What graphs are compiled for.", fields = {"name": "cpu, or a GPU's name"})

lane = rule(
    doc = "A command-line flag: what to compile for, and where to run.",
    implementation = lambda ctx: LaneInfo(name = ctx.build_setting_value),
    build_setting = config.string(flag = True),
)

NOWHERE = ["@platforms//:incompatible"]

# All other lanes are GPUs.
CPU_LANES = [
    "bf16",
    "cpu",
]

def by_device(cpu, gpu):
    """Returns the one value in lanes of a CPU, and the other in those of GPUs."""
    lanes = {"//bazel:lane_" + name: cpu for name in CPU_LANES}
    return select(lanes | {"//conditions:default": gpu})

# The compiler keeps two cores busy. For an H100 it takes 7 to 9 GB for the fixtures of one port:
# Bazel runs as many side by side as memory allows.
def _cpu_resources(_os, _inputs):
    return {"cpu": 2}

def _gpu_resources(_os, _inputs):
    return {
        "cpu": 2,
        "memory": 8000,
    }

def _compiled_graphs_impl(ctx):
    lane = ctx.attr.lane or ctx.attr._lane[LaneInfo].name
    out = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run(
        executable = ctx.executable.compiler,
        arguments = [out.path, lane] + ctx.attr.ports,
        outputs = [out],
        mnemonic = "CompileGraphs",
        progress_message = "Compiling the graphs of " + ", ".join(ctx.attr.ports),
        use_default_shell_env = True,
        execution_requirements = {"no-remote-exec": ""},
        resource_set = _cpu_resources if lane in CPU_LANES else _gpu_resources,
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

def _group(name, ports, target_compatible_with):
    py_binary(
        name = name + "_compiler",
        srcs = [
            "//bazel:compile_graphs.py",
            "//bazel:declared.py",
        ],
        main = "//bazel:compile_graphs.py",
        deps = ["//architectures/" + port for port in ports],
    )
    compiled_graphs(
        name = name,
        compiler = name + "_compiler",
        ports = ports,
        target_compatible_with = target_compatible_with,
    )

def compiled_groups(name, ports):
    """Declares what compiles together, and for each port the alias `<slug>_graphs` of its graphs.

    For a GPU each port compiles alone. Kernels are made for the shapes of each fixture, so a group
    saves about a third, and its memory grows (sm_90a on two cores: the 2 fixtures of a port take 482
    to 721 CPU seconds and 7 to 9 GB, the 7 fixtures of three ports 1,106 seconds and 14 GB).

    Args:
        name: What groups are named, before their number.
        ports: The slugs of all ports.
    """
    for number, members in groups_of(ports).items():
        group = "%s_%d" % (name, number)
        _group(group, members, by_device([], NOWHERE))
        for port in members:
            alone = port + "_gpu_graphs"
            _group(alone, [port], by_device(NOWHERE, []))
            native.alias(
                name = port + "_graphs",
                actual = by_device(group, alone),
                visibility = [
                    "//architectures/%s:__pkg__" % port,
                    "//tests:__pkg__",
                ],
            )
