# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GGUF: written by the gguf library as llama.cpp's converters do, it becomes the same weights."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from gguf import MODEL_ARCH_NAMES, GGMLQuantizationType, GGUFWriter, get_tensor_name_map, quants
from max.driver import Buffer
from max.dtype import DType
from max.graph.weights import load_weights, weights_format
from safetensors.numpy import load_file
from transformers import AutoConfig

from architectures import load_port, slugs
from common.adapters import audit, described, plan
from common.adapters.weight_map import _opened
from common.checkpoint import weight_files
from common.errors import PortError
from proof.checkpoints import write_checkpoint


def merged(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converters stack the experts of a layer, and StableLMModel's the norms of its heads."""
    made: dict[str, np.ndarray] = {}
    for name in sorted(tensors, key=lambda n: [int(n) for n in re.findall(r"\d+", n)]):
        whole = re.sub(r"(\.experts)\.\d+|\.norms\.\d+", r"\1", name)
        array = tensors[name] if whole == name else tensors[name][None]
        made[whole] = np.concatenate([made[whole], array]) if whole in made else array
    return made


def write_gguf(
    directory: Path, slug: str, kind: GGMLQuantizationType = GGMLQuantizationType.F32
) -> None:
    """Replaces a checkpoint's safetensors by a GGUF file of the same tensors."""
    port, config = load_port(slug), AutoConfig.from_pretrained(directory)
    # Further classes of a port have the names of their own model_type.
    named = port.gguf.arch if config.model_type == port.model_type else None
    arch_name = named or config.model_type
    arch = next((a for a, name in MODEL_ARCH_NAMES.items() if name == arch_name), None)
    if arch is None:
        raise LookupError(f"gguf has no architecture {arch_name}: give GGUF(arch=...) in deltas.py")
    names = get_tensor_name_map(arch, config.num_hidden_layers)
    writer = GGUFWriter(directory / "model.gguf", arch_name)
    for name, array in merged(load_file(directory / "model.safetensors")).items():
        made = port.gguf.convert(name, array, config)
        if made is None:
            continue
        converted = np.ascontiguousarray(made)
        to = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if to is None:
            raise LookupError(f"gguf has no name for {name} of {arch_name}")
        # Converters keep vectors in float32.
        stored = kind if array.ndim > 1 else GGMLQuantizationType.F32
        writer.add_tensor(to, quants.quantize(converted, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (directory / "model.safetensors").unlink()


def loaded(directory: Path, slug: str) -> dict[str, np.ndarray]:
    """What MAX would hand the graph, audited: by the files' format, in float32."""
    found = AutoConfig.from_pretrained(directory)
    architecture = load_port(slug).architecture(found.architectures[0])
    config = architecture.config.from_huggingface(found)
    files = weight_files(directory)
    weight_map = architecture.weight_adapters[weights_format(files)].weight_map
    tensors = [_opened(name, weights) for name, weights in load_weights(files).items()]
    planned = plan(config, weight_map, tensors, DType.float32)
    audit(planned.produced, architecture.pipeline_model.decoder_cls(config).raw_state_dict())
    # The headers say the same as the files.
    by_headers = plan(config, weight_map, described(directory), DType.float32)
    assert {n: t.shape for n, t in by_headers.produced.items()} == {
        n: t.shape for n, t in planned.produced.items()
    }
    return {
        name: Buffer.from_dlpack(tensor.read().data).to_numpy()
        for name, tensor in planned.produced.items()
    }


CASES = [
    (slug, fixture.name)
    for slug in slugs()
    for fixture in load_port(slug).fixtures
    if fixture.name not in load_port(slug).gguf.cannot_hold
]


@pytest.fixture
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    slug, name = request.param
    port = load_port(slug)
    fixture = next(f for f in port.fixtures if f.name == name)
    return slug, write_checkpoint(port, fixture, tmp_path / slug)


@pytest.mark.parametrize("checkpoint", CASES, indirect=True, ids="-".join)
def test_gguf_becomes_the_same_weights(checkpoint: tuple[str, Path]) -> None:
    slug, directory = checkpoint
    expected = loaded(directory, slug)
    write_gguf(directory, slug)
    found = loaded(directory, slug)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        atol = load_port(slug).gguf.atol
        np.testing.assert_allclose(found[name], array, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    "checkpoint",
    [(slug, fixture) for slug in slugs() for fixture in load_port(slug).gguf.cannot_hold],
    indirect=True,
    ids="-".join,
)
def test_what_gguf_cannot_hold_has_no_name_there(checkpoint: tuple[str, Path]) -> None:
    slug, directory = checkpoint
    with pytest.raises(LookupError, match="gguf has no name for"):
        write_gguf(directory, slug)


@pytest.mark.parametrize("kind", [GGMLQuantizationType.F16, GGMLQuantizationType.BF16])
@pytest.mark.parametrize("checkpoint", [("gpt_neox", "parallel")], indirect=True)
def test_half_precision_gguf(checkpoint: tuple[str, Path], kind: GGMLQuantizationType) -> None:
    slug, directory = checkpoint
    expected = loaded(directory, slug)
    write_gguf(directory, slug, kind)
    for name, array in loaded(directory, slug).items():
        # 8 bits of mantissa in bfloat16, 11 in float16.
        np.testing.assert_allclose(array, expected[name], rtol=2**-8, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("kind", [GGMLQuantizationType.Q4_0, GGMLQuantizationType.Q8_0])
@pytest.mark.parametrize("checkpoint", [("smollm3", "tied")], indirect=True)
def test_a_quantised_gguf_is_refused_by_name(
    checkpoint: tuple[str, Path], kind: GGMLQuantizationType
) -> None:
    slug, directory = checkpoint
    write_gguf(directory, slug, kind)
    with pytest.raises(PortError, match=rf"tensor \S+ is {kind.name}, which no port serves"):
        described(directory)
    # MAX knows the one, and not the other.
    with pytest.raises(PortError, match=rf"(?i)tensor \S+ is .*{kind.name}.*, which"):
        loaded(directory, slug)


@pytest.mark.parametrize("checkpoint", [("smollm3", "tied")], indirect=True)
def test_hostile_gguf(checkpoint: tuple[str, Path]) -> None:
    slug, directory = checkpoint
    write_gguf(directory, slug)
    file = directory / "model.gguf"
    whole = file.read_bytes()
    for broken in (b"", whole[:6], whole[:200], whole[:-4096], b"GGUX" + whole[4:]):
        file.write_bytes(broken)
        with pytest.raises(PortError, match=r"model\.gguf is not a whole GGUF file \("):
            described(directory)
    file.write_bytes(whole)
    shutil.copy(file, directory / "other.gguf")
    with pytest.raises(PortError, match=r"has 2 \*\.gguf; keep the one to serve"):
        described(directory)
