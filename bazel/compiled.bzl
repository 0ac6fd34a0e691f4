# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Graphs of ports as build outputs: each port is traced, and what was traced compiles in groups."""

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

# Of these, those of two.
GPU_PAIR_LANES = ["h100x2"]

def by_device(cpu, gpu, pair = None):
    """Returns the one value in lanes of a CPU, another in those of a GPU, and of two if it differs."""
    lanes = {"//bazel:lane_" + name: cpu for name in CPU_LANES}
    lanes |= {"//bazel:lane_" + name: gpu if pair == None else pair for name in GPU_PAIR_LANES}
    return select(lanes | {"//conditions:default": gpu})

# For what is tested in one lane only, that of float32 on a CPU.
ONLY_CPU = select({
    "//bazel:lane_cpu": [],
    "//conditions:default": NOWHERE,
})

_LANE = {
    "lane": attr.string(doc = "What to compile for, if not what the command line says."),
    "_lane": attr.label(default = "//bazel:lane"),
}

def _lane_of(ctx):
    return ctx.attr.lane or ctx.attr._lane[LaneInfo].name

# What tracing a port gives, in the order of the tracer's arguments.
KINDS = ["decoders", "ranked", "beside", "hunted"]

def _traced_graphs_impl(ctx):
    kinds = KINDS
    folders = [ctx.actions.declare_directory("%s_%s" % (ctx.label.name, kind)) for kind in kinds]
    ctx.actions.run(
        executable = ctx.executable.tracer,
        arguments = [_lane_of(ctx), ctx.attr.port] + [folder.path for folder in folders],
        outputs = folders,
        mnemonic = "TraceGraphs",
        progress_message = "Tracing the graphs of " + ctx.attr.port,
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(files = depset(folders)),
        OutputGroupInfo(**{kind: [folder] for kind, folder in zip(kinds, folders)}),
    ]

traced_graphs = rule(
    doc = "The graphs of a port's fixtures as text, whole and divided over ranks, of one more that is" +
          " hunted in, and of what else pipelines run; in output groups that KINDS names.",
    implementation = _traced_graphs_impl,
    attrs = _LANE | {
        "port": attr.string(mandatory = True),
        "tracer": attr.label(mandatory = True, executable = True, cfg = "exec"),
    },
)

def _all_traced_impl(ctx):
    groups = {}
    for target in ctx.attr.traced:
        info = target[OutputGroupInfo]
        for kind in KINDS:
            groups.setdefault(kind, []).append(info[kind])
    return OutputGroupInfo(**{kind: depset(transitive = files) for kind, files in groups.items()})

all_traced = rule(
    doc = "What several ports traced, as one.",
    implementation = _all_traced_impl,
    attrs = {"traced": attr.label_list(mandatory = True)},
)

# The compiler keeps little more than one core busy. For an H100 it takes 7 to 9 GB for the fixtures
# of one port: Bazel runs as many side by side as memory allows.
def _cpu_resources(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 5000,
    }

def _gpu_resources(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 9000,
    }

def _compiled_graphs_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    traced = [
        folder
        for target in ctx.attr.traced
        for folder in target[OutputGroupInfo][ctx.attr.kind].to_list()
    ]
    what = "beside" if ctx.attr.kind == "beside" else "decoders"
    lane = _lane_of(ctx)
    ctx.actions.run(
        executable = ctx.executable._compiler,
        arguments = [what, lane, out.path] + [folder.path for folder in traced],
        inputs = traced,
        outputs = [out],
        mnemonic = "CompileGraphs",
        progress_message = "Compiling " + ctx.label.name,
        use_default_shell_env = True,
        execution_requirements = {"no-remote-exec": ""},
        resource_set = _cpu_resources if lane in CPU_LANES else _gpu_resources,
    )
    return DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))

compiled_graphs = rule(
    doc = "Traced graphs compiled into a directory, the decoders as one module.",
    implementation = _compiled_graphs_impl,
    attrs = _LANE | {
        "kind": attr.string(default = "decoders", doc = "Of traced_graphs, the output group."),
        "traced": attr.label_list(mandatory = True),
        "_compiler": attr.label(default = "//bazel:compile_graphs", executable = True, cfg = "exec"),
    },
)

def compiled_groups(name, ports):
    """Declares what compiles together, and what of each port its package asks for.

    Of each port `<slug>_traced` are its graphs, traced, and `<slug>_graphs` an alias of where they
    are compiled, `<slug>_ranks` of where they are that are divided over ranks; `beside` are the
    graphs that every pipeline runs beside its decoder.

    For a GPU each port compiles alone. Kernels are made for the shapes of each fixture, so a group
    saves about a third, and its memory grows (sm_90a on two cores: the 2 fixtures of a port take 482
    to 721 CPU seconds and 7 to 9 GB, the 7 fixtures of three ports 1,106 seconds and 14 GB).

    Args:
        name: What groups are named, before their number.
        ports: The slugs of all ports.
    """
    for port in ports:
        py_binary(
            name = port + "_tracer",
            srcs = ["//bazel:trace_graphs.py"],
            main = "//bazel:trace_graphs.py",
            deps = [
                "//architectures/" + port,
                "//bazel:action",
                "//hunt:trace",
            ],
        )
        traced_graphs(
            name = port + "_traced",
            port = port,
            tracer = port + "_tracer",
        )
    all_traced(
        name = "traced",
        traced = [port + "_traced" for port in ports],
        visibility = ["//tests:__pkg__"],
    )
    compiled_graphs(
        name = "beside",
        kind = "beside",
        traced = ["traced"],
        visibility = ["//visibility:public"],
    )
    for number, members in groups_of(ports).items():
        for kind, suffix in (("decoders", "graphs"), ("ranked", "ranks")):
            group = "%s_%d_%s" % (name, number, suffix)
            compiled_graphs(
                name = group,
                kind = kind,
                target_compatible_with = by_device([], NOWHERE),
                traced = [port + "_traced" for port in members],
            )
            for port in members:
                alone = "%s_gpu_%s" % (port, suffix)
                compiled_graphs(
                    name = alone,
                    kind = kind,
                    target_compatible_with = by_device(NOWHERE, []),
                    traced = [port + "_traced"],
                )
                native.alias(
                    name = "%s_%s" % (port, suffix),
                    actual = by_device(group, alone),
                    visibility = [
                        "//architectures/%s:__pkg__" % port,
                        "//tests:__pkg__",
                    ],
                )
