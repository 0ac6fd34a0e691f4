# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What adapters use of MAX's ``Weights`` protocol, in both formats."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from max.driver import Buffer
from max.dtype import DType
from max.graph.weights import Weights, load_weights
from safetensors.numpy import save_file

ARRAYS = {
    "embed.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "layers.0.w.weight": np.ones((2, 2), np.float32),
    "layers.10.w.weight": np.zeros((2, 2), np.float32),
}


@pytest.fixture(params=["safetensors", "gguf"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Weights:
    file = tmp_path / f"model.{request.param}"
    if request.param == "safetensors":
        save_file(ARRAYS, file)
    else:
        writer = gguf.GGUFWriter(file, "llama")
        for name, array in ARRAYS.items():
            writer.add_tensor(name, array)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return load_weights([file])


def test_names_are_hierarchical(weights: Weights) -> None:
    assert weights.layers[10].w.weight.name == "layers.10.w.weight"
    assert weights["layers"]["10"].w.weight.name == "layers.10.w.weight"


def test_only_whole_names_exist(weights: Weights) -> None:
    assert weights.layers[0].w.weight.exists()
    assert not weights.layers[0].w.exists()
    assert not weights.layers[1].w.weight.exists()


def test_items_have_whole_names_and_begin_with_the_prefix(weights: Weights) -> None:
    # The documentation says that names are relative to the prefix; they are not. And a prefix is
    # text: layer 1 finds layer 10's. So adapters take items of the whole, and match whole names.
    assert {name for name, _ in weights.items()} == set(ARRAYS)
    assert [name for name, _ in weights.layers[1].items()] == ["layers.10.w.weight"]


def test_data_has_name_shape_and_dtype(weights: Weights) -> None:
    for name, entry in weights.items():
        data = entry.data()
        assert (data.name, data.dtype) == (name, DType.float32)
        assert [int(dim) for dim in data.shape] == list(ARRAYS[name].shape)
        np.testing.assert_array_equal(Buffer.from_dlpack(data.data).to_numpy(), ARRAYS[name])


def test_data_of_nothing_is_a_key_error(weights: Weights) -> None:
    with pytest.raises(KeyError, match=r"layers\.7"):
        weights.layers[7].data()


def test_allocate_checks_shape_and_dtype(weights: Weights) -> None:
    allocated = weights.embed.weight.allocate(DType.float32, [2, 3])
    assert (allocated.name, allocated.dtype) == ("embed.weight", DType.float32)
    assert list(weights.allocated_weights) == ["embed.weight"]
    with pytest.raises(ValueError, match="different shape"):
        weights.embed.weight.allocate(DType.float32, [3, 2])
    with pytest.raises(ValueError, match="different dtype"):
        weights.embed.weight.allocate(DType.bfloat16, [2, 3])
