# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""How many GPUs this machine has that MAX may use: none, one, or two and more."""

def _gpu_impl(rctx):
    found = 1 if rctx.path("/dev/nvidia0").exists or rctx.path("/dev/kfd").exists else 0
    if rctx.path("/dev/nvidia1").exists:
        found = 2
    rctx.file("BUILD.bazel", "")
    rctx.file("defs.bzl", "GPUS = %d\n" % found)

_gpu = repository_rule(
    implementation = _gpu_impl,
    configure = True,
    local = True,
)

gpu = module_extension(implementation = lambda mctx: _gpu(name = "gpu"))
