# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""`python.toolchain`; the interpreter itself comes with the `pip` extension."""

_toolchain = tag_class(attrs = {
    "is_default": attr.bool(),
    "python_version": attr.string(mandatory = True),
})

python = module_extension(
    implementation = lambda _: None,
    tag_classes = {"toolchain": _toolchain},
)
