# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #

"""A command-line flag that nothing reads."""

ignored_flag = rule(
    implementation = lambda ctx: [],
    build_setting = config.string(flag = True),
)
