# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every element of a checkpoint through a port's adapter and back: the oracle sees no change.

The inverse is found, not written: a copy of the checkpoint whose elements are all different goes
through the adapter, and shows where each one went. So it also counts what was lost or doubled.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from max.driver import Buffer
from max.dtype import DType
from max.graph.type import Shape
from max.graph.weights import WeightData, WeightsFormat
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig

from architectures import load_port, slugs
from common.adapters import Add, Tensor, WeightMap, plan
from common.adapters.tensor import bits
from proof.checkpoints import write_checkpoint
from proof.oracle import Oracle
from proof.parity import tokens

Arrays = dict[str, npt.NDArray[np.uint32]]


def moving(weight_map: Callable[[Any], WeightMap]) -> Callable[[Any], WeightMap]:
    """A weight map without the rules that change values: places are followed here, as numbers."""
    return lambda config: WeightMap(
        *(rule for rule in weight_map(config).rules if not isinstance(rule, Add))
    )


class Adapted:
    """A fixture and what its port's adapter makes of float32 bits."""

    def __init__(self, slug: str, number: int, directory: Path) -> None:
        port = load_port(slug)
        self.directory = write_checkpoint(port, port.fixtures[number], directory)
        architecture = port.architecture(port.fixtures[number].class_name)
        self.config = architecture.config.from_huggingface(AutoConfig.from_pretrained(directory))
        self.weight_map = moving(architecture.weight_adapters[WeightsFormat.safetensors].weight_map)
        loaded = load_file(directory / "model.safetensors")
        self.tensors: Arrays = {name: array.view(np.uint32) for name, array in loaded.items()}

    def adapt(self, tensors: Arrays) -> tuple[Arrays, list[str]]:
        """Returns the graph's weights, and the names that were dropped."""
        made = plan(
            self.config, self.weight_map, [_stored(*t) for t in tensors.items()], DType.float32
        )
        produced = {name: bits(tensor.read()) for name, tensor in made.produced.items()}
        return produced, [name for tensor in made.dropped for name in tensor.origin]

    def invert(self, weights: Arrays) -> Arrays:
        """Returns the checkpoint that the adapter turns into ``weights``."""
        sizes = [array.size for array in self.tensors.values()]
        numbered = np.split(np.arange(sum(sizes), dtype=np.uint32), np.cumsum(sizes)[:-1])
        went, dropped = self.adapt(
            {
                name: n.reshape(array.shape)
                for n, (name, array) in zip(numbered, self.tensors.items(), strict=True)
            }
        )
        back = np.zeros(sum(sizes), np.uint32)
        times = np.zeros(sum(sizes), np.uint32)
        for name, places in went.items():
            back[places.reshape(-1)] = weights[name].reshape(-1)
            np.add.at(times, places.reshape(-1), 1)
        for name, n in zip(self.tensors, numbered, strict=True):
            assert set(times[n]) == {0 if name in dropped else 1}, name
        return {
            name: back[n].reshape(array.shape)
            for n, (name, array) in zip(numbered, self.tensors.items(), strict=True)
            if name not in dropped
        }


def _stored(name: str, array: npt.NDArray[np.uint32]) -> Tensor:
    buffer = Buffer.from_numpy(np.ascontiguousarray(array)).view(DType.float32)
    return Tensor.of(name, WeightData(buffer, name, DType.float32, Shape(array.shape)))


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Adapted]]:
    root = tmp_path_factory.mktemp("round_trip")
    return {
        slug: [Adapted(slug, n, root / slug / str(n)) for n in range(len(load_port(slug).fixtures))]
        for slug in slugs()
    }


@pytest.mark.parametrize("slug", slugs())
def test_the_oracle_sees_no_change(
    slug: str, adapted: dict[str, list[Adapted]], tmp_path: Path
) -> None:
    for number, fixture in enumerate(adapted[slug]):
        weights, _ = fixture.adapt(fixture.tensors)
        back = fixture.invert(weights)
        copy = Path(shutil.copytree(fixture.directory, tmp_path / str(number)))
        arrays = {name: array.view(np.float32) for name, array in back.items()}
        save_file(arrays, copy / "model.safetensors", metadata={"format": "pt"})
        prompt = tokens(64)
        np.testing.assert_array_equal(
            Oracle(copy).logits(prompt), Oracle(fixture.directory).logits(prompt)
        )


def test_a_rule_that_adds_moves_nothing(tmp_path: Path) -> None:
    # As for a norm that holds its weight's distance from one, where MAX's has no offset.
    fixture = Adapted("smollm3", 0, tmp_path / "smollm3")
    rules = fixture.weight_map(fixture.config).rules
    added = WeightMap(*rules, Add(r".*norm\.weight", value=1.0))
    fixture.weight_map = moving(lambda config: added)
    weights, _ = fixture.adapt(fixture.tensors)
    back = fixture.invert(weights)
    for name, array in back.items():
        np.testing.assert_array_equal(array, fixture.tensors[name], err_msg=name)


@pytest.mark.parametrize("slug", slugs())
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_swapped_tensors_stay_swapped(
    slug: str, adapted: dict[str, list[Adapted]], data: st.DataObject
) -> None:
    # No audit can see two tensors of one shape under each other's name: such a file is a valid
    # checkpoint of another model. What can be shown is that the graph gets that other model.
    fixture = data.draw(st.sampled_from(adapted[slug]))
    one = data.draw(st.sampled_from(sorted(fixture.tensors)))
    alike = [n for n, a in fixture.tensors.items() if a.shape == fixture.tensors[one].shape]
    other = data.draw(st.sampled_from(alike))
    swapped = fixture.tensors | {one: fixture.tensors[other], other: fixture.tensors[one]}
    weights, dropped = fixture.adapt(swapped)
    back = fixture.invert(weights)
    assert back.keys() == swapped.keys() - set(dropped)
    for name in back:
        np.testing.assert_array_equal(back[name], swapped[name], err_msg=name)
