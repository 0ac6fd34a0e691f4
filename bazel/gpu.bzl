# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Whether this machine has a GPU that MAX may use."""

def _gpu_impl(rctx):
    found = rctx.path("/dev/nvidia0").exists or rctx.path("/dev/kfd").exists
    rctx.file("BUILD.bazel", "")
    rctx.file("defs.bzl", "HAS_GPU = %s\n" % found)

_gpu = repository_rule(
    implementation = _gpu_impl,
    configure = True,
    local = True,
)

gpu = module_extension(implementation = lambda mctx: _gpu(name = "gpu"))
