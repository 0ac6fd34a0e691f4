# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""A command-line flag that nothing reads."""

ignored_flag = rule(
    implementation = lambda ctx: [],
    build_setting = config.string(flag = True),
)
