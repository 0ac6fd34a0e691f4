# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What ports share: config reading, weight maps, decoder parts, the pipeline model, testing."""
