# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A checkpoint with one thing wrong is refused, and the message names that thing.

Generated over every port and fixture, on headers: no data is read, nothing compiles.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from max.dtype import DType
from max.graph.weights import WeightsFormat
from transformers import AutoConfig

from architectures import load_port, slugs
from common.adapters import Plan, Tensor, audit, described, plan
from common.errors import PortError
from proof.checkpoints import write_checkpoint

MUTATIONS = ("delete", "add", "rename", "grow", "cut", "retype")


class Checked:
    """A fixture's headers, and the check that a load would make of them."""

    def __init__(self, slug: str, number: int, directory: Path) -> None:
        port = load_port(slug)
        write_checkpoint(port, port.fixtures[number], directory)
        architecture = port.architecture(port.fixtures[number].class_name)
        self.config = architecture.config.from_huggingface(AutoConfig.from_pretrained(directory))
        self.weight_map = architecture.weight_adapters[WeightsFormat.safetensors].weight_map
        self.parameters = architecture.pipeline_model.decoder_cls(self.config).raw_state_dict()
        self.headers = described(directory)
        dropped = {name for tensor in self.check(self.headers).dropped for name in tensor.origin}
        #: What the graph needs; the rest may be anything.
        self.needed = [n for n, tensor in enumerate(self.headers) if tensor.name not in dropped]

    def check(self, headers: list[Tensor]) -> Plan:
        planned = plan(self.config, self.weight_map, headers, self.config.dtype)
        audit(planned.produced, self.parameters)
        return planned


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Checked]]:
    root = tmp_path_factory.mktemp("mutations")
    return {
        slug: [
            Checked(slug, number, root / slug / str(number))
            for number in range(len(load_port(slug).fixtures))
        ]
        for slug in slugs()
    }


def mutate(headers: list[Tensor], kind: str, at: int) -> tuple[list[Tensor], str]:
    """Returns the mutated headers, and what the message must hold."""
    tensor = headers[at]
    others = headers[:at] + headers[at + 1 :]

    def changed(**changes: Any) -> list[Tensor]:
        return [*others, replace(tensor, **changes)]

    if kind == "delete":
        # What the graph misses has the graph's name; its last words are the checkpoint's.
        return others, "the checkpoint has no tensor for parameter "
    if kind == "add":
        name = tensor.name + ".extra"
        return [*headers, replace(tensor, name=name, origin=(name,))], name
    if kind == "rename":
        name = tensor.name.replace(".", ".x", 1)
        return changed(name=name, origin=(name,)), name
    if kind == "grow":
        return changed(shape=(*tensor.shape[:-1], tensor.shape[-1] + 2)), tensor.name
    if kind == "cut":
        return changed(shape=(tensor.shape[0] // 2, *tensor.shape[1:])), tensor.name
    return changed(dtype=DType.int32), tensor.name


@pytest.mark.parametrize("slug", slugs())
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_one_thing_wrong_is_refused_by_name(
    slug: str, checked: dict[str, list[Checked]], data: st.DataObject
) -> None:
    fixture = data.draw(st.sampled_from(checked[slug]), label="fixture")
    at = data.draw(st.sampled_from(fixture.needed), label="tensor")
    kind = data.draw(st.sampled_from(MUTATIONS))
    headers, named = mutate(fixture.headers, kind, at)
    with pytest.raises(PortError) as refused:
        fixture.check(headers)
    # A stack says what it lacks before anything is found to be left over.
    lacks = kind == "rename" and re.search(r"no tensor for .*, number \d+ of", str(refused.value))
    assert lacks or named in str(refused.value)


@pytest.mark.parametrize("slug", slugs())
def test_the_whole_checkpoint_passes(slug: str, checked: dict[str, list[Checked]]) -> None:
    for fixture in checked[slug]:
        fixture.check(fixture.headers)
