# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #

"""`python.toolchain`; the interpreter itself comes with the `pip` extension."""

_toolchain = tag_class(attrs = {
    "is_default": attr.bool(),
    "python_version": attr.string(mandatory = True),
})

python = module_extension(
    implementation = lambda _: None,
    tag_classes = {"toolchain": _toolchain},
)
