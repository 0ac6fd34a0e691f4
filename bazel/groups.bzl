# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Which ports compile together."""

# Ports of a group, about. A compile takes 155 CPU seconds for the first port, and 24 for one more
# where eight are (bench/batch_compile.json), on little more than one core. So a larger group saves
# CPU time, and a smaller one wall time when one of its ports changes: 11 ports take 489 CPU seconds,
# in 327 seconds. Hashing makes groups of at most 12.
GROUP_SIZE = 6

def _digest(name):
    # hash() of names that share letters is close together; this spreads it. Of the factors tried, it
    # is the one by which the names of transformers' decoders make the evenest groups.
    return (hash(name) * 4693 // 65536) % 65536

def group_of(name, count):
    """Says which group a port is in.

    Groups grow by linear hashing (Litwin 1980): when the ports exceed what the groups should hold,
    one group splits in two and all others stay what they were.

    Args:
        name: The port's slug.
        count: How many ports there are.

    Returns:
        The group's number.
    """
    groups = (count + GROUP_SIZE - 1) // GROUP_SIZE
    low = 1
    for _ in range(16):
        if low * 2 <= groups:
            low *= 2
    number = _digest(name) % (low * 2)
    return number if number < groups else number - low

def groups_of(names):
    """Forms the groups.

    Args:
        names: The slugs of all ports.

    Returns:
        The ports of each group, by its number.
    """
    groups = {}
    for name in names:
        groups.setdefault(group_of(name, len(names)), []).append(name)
    return groups
