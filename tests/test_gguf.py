# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""GGUF: written by the gguf library as llama.cpp's converters do, it becomes the same weights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import MODEL_ARCH_NAMES, GGMLQuantizationType, GGUFWriter, get_tensor_name_map, quants
from max.driver import Buffer
from max.dtype import DType
from max.graph.weights import load_weights, weights_format
from safetensors.numpy import load_file
from transformers import AutoConfig

from common.adapters import audit, described, plan
from common.adapters.weight_map import _opened
from common.checkpoint import weight_files
from common.errors import PortError
from common.testing.checkpoints import write_checkpoint
from common.testing.declare import load_port, slugs

#: gguf's names of architectures, where they are not transformers' model_type.
ARCHES = {
    "cohere": "command-r",
    "glm": "chatglm",
    "gpt_neox": "gptneox",
    "mixtral": "llama",
    "phi": "phi2",
}

#: Returns what a converter makes of a tensor, or None if it leaves it out.
Convert = Callable[[str, np.ndarray, Any], np.ndarray | None]


def as_it_is(name: str, array: np.ndarray, config: Any) -> np.ndarray:
    return array


def llama(name: str, array: np.ndarray, config: Any) -> np.ndarray:
    """LlamaModel of llama.cpp's converter brings the pairs of a rotation together."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for part, n in heads.items():
        if f"{part}." in name:
            half = array.reshape(n, 2, array.shape[0] // n // 2, *array.shape[1:])
            return half.swapaxes(1, 2).reshape(array.shape)
    return array


def gemma(name: str, array: np.ndarray, config: Any) -> np.ndarray:
    """GemmaModel of llama.cpp's converter adds the one that the reference adds to a norm."""
    return array + 1.0 if name.endswith("norm.weight") else array


def gpt_neox(name: str, array: np.ndarray, config: Any) -> np.ndarray:
    """GPTNeoXModel of llama.cpp's converter brings q, k and v of all heads together."""
    if "query_key_value" not in name:
        return array
    n = config.num_attention_heads
    return np.concatenate(array.reshape(n, 3, -1, *array.shape[1:]).swapaxes(0, 1)).reshape(
        array.shape
    )


def gpt2(name: str, array: np.ndarray, config: Any) -> np.ndarray | None:
    """GPT2Model of llama.cpp's converter leaves masks out and transposes Conv1D."""
    if name.endswith((".attn.bias", ".attn.masked_bias")):
        return None
    return array.T if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")) else array


#: What converters do to tensors, where it is more than to name them.
CONVERTERS: dict[str, Convert] = {
    "gemma": gemma,
    "gpt2": gpt2,
    "gpt_neox": gpt_neox,
    "mixtral": llama,
    "smollm3": llama,
}


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
    config = AutoConfig.from_pretrained(directory)
    arch_name = ARCHES.get(config.model_type, config.model_type)
    arch = next(a for a, name in MODEL_ARCH_NAMES.items() if name == arch_name)
    names = get_tensor_name_map(arch, config.num_hidden_layers)
    writer = GGUFWriter(directory / "model.gguf", arch_name)
    for name, array in merged(load_file(directory / "model.safetensors")).items():
        made = CONVERTERS.get(slug, as_it_is)(name, array, config)
        if made is None:
            continue
        converted = np.ascontiguousarray(made)
        to = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert to, name
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


#: What GGUF cannot hold: a head of its own for Cohere's models and Gemma, norms of heads for
#: Phi.
INEXPRESSIBLE = {
    ("cohere", "multi_query_biased_untied"),
    ("cohere2", "untied_biased_window_16"),
    ("gemma", "untied_biased_erf"),
    ("phi", "tied_with_norms_of_heads"),
}
#: What a converter's sums round off, of weights below 3.
ROUNDED = {"gemma": 2**-23}

CASES = [
    (slug, fixture.name)
    for slug in slugs()
    for fixture in load_port(slug).fixtures
    if (slug, fixture.name) not in INEXPRESSIBLE
]


@pytest.fixture
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    slug, name = request.param
    port = load_port(slug)
    fixture = next(f for f in port.fixtures if f.name == name)
    return slug, write_checkpoint(port, fixture, tmp_path / slug)


def test_converters_are_those_of_ports() -> None:
    assert CONVERTERS.keys() <= set(slugs())


@pytest.mark.parametrize("checkpoint", CASES, indirect=True, ids="-".join)
def test_gguf_becomes_the_same_weights(checkpoint: tuple[str, Path]) -> None:
    slug, directory = checkpoint
    expected = loaded(directory, slug)
    write_gguf(directory, slug)
    found = loaded(directory, slug)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        atol = ROUNDED.get(slug, 0)
        np.testing.assert_allclose(found[name], array, rtol=0, atol=atol, err_msg=name)


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
