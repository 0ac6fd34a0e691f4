# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a fixture must be before its parity means anything: config, flags, oracle, witnesses.

None of it needs MAX to compile. Limits are next to their reasons here, and nowhere else.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.declaration import PROMPTS, Delta, Fixture, Port

from .checkpoints import legacy_spelling
from .metrics import moved
from .oracle import Oracle
from .parity import NEW_TOKENS, tokens

#: Tokens that witnesses are judged on: more than the widest window of a fixture, 128.
WITNESS_TOKENS = 192
#: Below this a delta's absence could hide behind an ordinary difference of kernels.
MIN_MOVED = 0.05
#: transformers' two attention forms differ by rounding only; measured 5e-6 σ.
MAX_SDPA = 1e-4

#: bfloat16 rounds what routers compare, of 5 at most, by 0.02; a nearer choice could turn.
MIN_ROUTER_GAP = 0.1


def check_config(port: Port, fixture: Fixture, directory: Path) -> Iterator[str]:
    """Yields what is wrong with key accounting, or with the released spelling."""
    from transformers import AutoConfig

    class_name = fixture.class_name or port.class_name
    config_cls = port.architecture(class_name).config
    loaded = {}
    for spelling, raw in (
        ("transformers 5", json.loads((directory / "config.json").read_text())),
        ("legacy", legacy_spelling(fixture, directory)),
    ):
        values = {key: value for key, value in raw.items() if key != "model_type"}
        config = AutoConfig.for_model(port.classes[class_name], **values)
        for key in config_cls.unaccounted(config, raw):
            yield f"{fixture.name}: config key {key!r} is neither read nor ignored ({spelling})"
        loaded[spelling] = config_cls.from_huggingface(config)
    for f in dataclasses.fields(config_cls):
        new, old = (getattr(config, f.name) for config in loaded.values())
        if new != old:
            yield f"{fixture.name}: {f.name} is {old} in the legacy spelling, {new} in the new one"


def check_flags(port: Port, directories: dict[str, Path]) -> Iterator[str]:
    """Yields the switches of the config that no fixture sets, or none clears."""
    from transformers import AutoConfig

    seen: dict[str, set[bool]] = {}
    for fixture in (f for f in port.fixtures if f.name in directories):
        config_cls = port.architecture(fixture.class_name).config
        config = config_cls.from_huggingface(AutoConfig.from_pretrained(directories[fixture.name]))
        for f in dataclasses.fields(config):
            value = getattr(config, f.name)
            if isinstance(value, bool) and f.name not in config_cls.fixed_flags():
                seen.setdefault(f.name, set()).add(value)
    for name, values in seen.items():
        if len(values) == 1:
            yield f"every fixture has {name} = {values.pop()}; its other branch is not covered"


def check_oracle(port: Port, fixture: Fixture, oracle: Oracle) -> Iterator[str]:
    """Yields what makes a checkpoint unfit as a fixture."""
    sample = tokens(WITNESS_TOKENS)
    logits = oracle.logits(sample)
    if oracle.model._supports_sdpa and not port.sdpa_differs:
        apart = moved(Oracle(oracle.directory, attention="sdpa").logits(sample), logits)
        if apart > MAX_SDPA:
            yield f"{fixture.name}: eager and sdpa oracles differ by {apart:.1e} σ"
    for name in oracle.dead_tensors(sample):
        yield f"{fixture.name}: no logit depends on {name}"
    if port.router:
        # The tokens that parity is judged on.
        for prompt in PROMPTS:
            row = oracle.greedy(tokens(prompt), NEW_TOKENS)
            if (gap := oracle.router_gap(row, port.router)) < MIN_ROUTER_GAP:
                yield f"{fixture.name}: after {prompt} tokens, experts tie by {gap:.0e}"


def check_delta(delta: Delta, oracles: Iterable[Oracle]) -> float:
    """Returns the largest movement, in σ, that taking the delta out of the oracles makes.

    Raises:
        PortError: If the witness finds nothing to change, or is not implemented.
    """
    sample, witness = tokens(WITNESS_TOKENS), delta.witness
    return max(
        0.0
        if witness.idle(oracle.model.config)
        else moved(Oracle(oracle.directory, witness=witness).logits(sample), oracle.logits(sample))
        for oracle in oracles
    )
