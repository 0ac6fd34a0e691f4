# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What people bring: served with the weights that transformers loads, or refused in one true line.

Each case is of a kind that was reported in public, of the folders that training, merging,
converting and downloading leave.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from max.pipelines import PIPELINE_REGISTRY, PipelineArgs, PipelineConfig
from max.pipelines.context.exceptions import InputError

import architectures
from architectures import load_port, slugs
from common.errors import PortError
from common.pipeline.tokenizer import PortTokenizer
from proof.checkpoints import fixture_config
from tests.loading import (
    checkpoint,
    edit_config,
    reference,
    refused,
    same,
    sentencepiece_only,
    served,
    shard,
    stacked_experts,
    store,
    tensors,
)
from tests.support import ports_here
from tools.read.preflight import preflight
from tools.run.serving import command

Case = Callable[[Path], object]
BELOW, BESIDE = "epoch_1/model.safetensors", "model.safetensors"


def earlier_epoch_below(directory: Path) -> None:
    checkpoint("smollm3", directory)
    other = checkpoint("smollm3", directory.parent / "first", seed=9)
    store(directory, tensors(other), BELOW)


def shards_of_an_earlier_save(directory: Path) -> None:
    checkpoint("phi", directory)
    shard(directory, 2)
    first = checkpoint("phi", directory.parent / "first", seed=9)
    shard(first, 3)
    for file in first.glob("*.safetensors"):
        file.rename(directory / file.name)


def shards_beside_the_whole(directory: Path) -> None:
    checkpoint("gemma", directory)
    shard(directory, 2)
    other = checkpoint("gemma", directory.parent / "other", seed=9)
    (other / BESIDE).rename(directory / BESIDE)


def a_tensor_in_two_shards(directory: Path) -> None:
    checkpoint("cohere", directory)
    shard(directory, 2)
    name = "model-00001-of-00002.safetensors"
    later = tensors(directory, "model-00002-of-00002.safetensors")
    twice = next(iter(later))
    store(directory, tensors(directory, name) | {twice: torch.zeros_like(later[twice])}, name)


def named_by_config(directory: Path) -> None:
    checkpoint("phi", directory)
    other = checkpoint("phi", directory.parent / "other", seed=9)
    store(directory, tensors(other), "second.safetensors")
    edit_config(directory, transformers_weights="second.safetensors")


def vendor_file_beside(directory: Path) -> None:
    checkpoint("mixtral", directory)
    found = tensors(directory)
    store(directory, {f"v.{name}": t for name, t in found.items()}, "consolidated.safetensors")


def word_in_the_path(directory: Path) -> None:
    checkpoint("cohere", directory)
    shard(directory, 2)


def adapter_beside(directory: Path) -> None:
    checkpoint("starcoder2", directory)
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    store(directory, {name: torch.zeros(8, 64)}, "adapter_model.safetensors")


def experts_in_two_dtypes(directory: Path) -> None:
    checkpoint("mixtral", directory)
    found = tensors(directory)
    few = {n: t.to(torch.bfloat16) for n, t in found.items() if ".experts.3." in n}
    store(directory, found | few)


def linked_into_a_cache(directory: Path) -> None:
    checkpoint("gemma", directory)
    blobs = directory.parent / "cache" / "blobs"
    blobs.mkdir(parents=True)
    (directory / BESIDE).rename(blobs / "0a1b")
    (directory / BESIDE).symlink_to(blobs / "0a1b")


def value_head(directory: Path) -> None:
    checkpoint("gpt2", directory)
    extra = {"v_head.summary.weight": torch.zeros(1, 64), "v_head.summary.bias": torch.zeros(1)}
    store(directory, tensors(directory) | extra)


LOADED: tuple[Case, ...] = (
    earlier_epoch_below,
    shards_of_an_earlier_save,
    shards_beside_the_whole,
    a_tensor_in_two_shards,
    named_by_config,
    vendor_file_beside,
    word_in_the_path,
    adapter_beside,
    stacked_experts,
    experts_in_two_dtypes,
    linked_into_a_cache,
    value_head,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "consolidated" / "checkpoint"


@pytest.mark.parametrize("case", LOADED)
def test_it_is_served_with_the_weights_that_transformers_loads(case: Case, folder: Path) -> None:
    case(folder)
    expected = reference(folder, folder.parent / "reference")
    assert expected is not None
    preflight(folder)
    assert same(served(folder), expected) is None
    named = [Path(part) for part in command(folder, port=1) if part.endswith(".safetensors")]
    assert named == loaded_by_transformers(folder)


def loaded_by_transformers(directory: Path) -> list[Path]:
    from transformers import AutoConfig
    from transformers.modeling_utils import _get_resolved_checkpoint_files

    named = getattr(AutoConfig.from_pretrained(directory), "transformers_weights", None)
    files, _ = _get_resolved_checkpoint_files(
        str(directory), None, None, None, None, False, transformers_explicit_filename=named
    )
    return [Path(file) for file in files or ()]


def test_the_order_of_a_directory_decides_nothing(tmp_path: Path) -> None:
    """A tmpfs lists the last file first, and a disk by a hash."""
    found = []
    for home in (tmp_path, Path("/dev/shm")):
        with tempfile.TemporaryDirectory(dir=home) as scratch:
            folder = Path(scratch) / "checkpoint"
            shards_of_an_earlier_save(folder)
            found.append(served(folder))
    assert all(np.array_equal(found[0][name], array) for name, array in found[1].items())


@pytest.mark.parametrize("case", [earlier_epoch_below, shards_of_an_earlier_save])
def test_max_left_to_choose_is_stopped(case: Case, tmp_path: Path) -> None:
    """Plain ``max serve`` names no files; the port's pipeline does not load what it found."""
    folder = tmp_path / "checkpoint"
    case(folder)
    arguments = PipelineArgs.from_flat_kwargs(
        model_path=str(folder),
        custom_architectures=[str(Path(architectures.__path__[0]))],
        device_specs=[{"id": -1, "device_type": "cpu"}],
        quantization_encoding="float32",
    )
    with pytest.raises(PortError, match=r"MAX would load .* the checkpoint is --weight-path"):
        PIPELINE_REGISTRY.retrieve(PipelineConfig.from_args(arguments))


def tied() -> Iterator[tuple[str, int]]:
    """A fixture of each port that ties its head."""
    for slug in slugs():
        port = load_port(slug)
        for i, fixture in enumerate(port.fixtures):
            if fixture_config(port, fixture).tie_word_embeddings:
                yield slug, i
                break


def names_of_ends(directory: Path) -> tuple[str, str]:
    """What a checkpoint calls its head and its embedding."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory)
    modules = {id(module): name for name, module in model.named_modules()}
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    return f"{modules[id(head)]}.weight", f"{modules[id(embedding)]}.weight"


@pytest.mark.parametrize(("slug", "fixture"), list(tied()))
@pytest.mark.parametrize("how", ["own", "only", "twice"])
def test_a_tied_head_is_what_the_file_holds(
    slug: str, fixture: int, how: str, folder: Path
) -> None:
    checkpoint(slug, folder, fixture)
    head, embedding = names_of_ends(folder)
    found = tensors(folder)
    # GPT-2's released files leave out what all names begin with.
    embedding = next(name for name in found if embedding.endswith(name))
    if how == "only":
        found[head] = found.pop(embedding)
    else:
        found[head] = found[embedding].clone()
    if how == "own":
        found[head][3] += 0.5
    store(folder, found)
    expected = reference(folder, folder.parent / "reference")
    assert expected is not None
    ours = served(folder)
    assert same(ours, expected) is None
    assert ("lm_head.weight" in ours) == (how == "own")
    assert any("a head of its own" in said for said in preflight(folder)) == (how == "own")


@pytest.mark.parametrize("slug", slugs())
def test_float16_is_cast(slug: str, folder: Path) -> None:
    checkpoint(slug, folder, dtype="float16")
    expected = reference(folder, folder.parent / "reference")
    assert expected is not None
    assert same(served(folder), expected) is None


def test_a_tokenizer_of_sentencepiece_loads(folder: Path) -> None:
    sentencepiece_only(folder)
    assert preflight(folder) == []


def test_what_a_server_needs_and_has_not_is_a_warning(folder: Path) -> None:
    checkpoint("smollm3", folder)
    (folder / "chat_template.jinja").unlink()
    asked = {"temperature": 0.5, "eos_token_id": [1, 2], "num_beams": 4, "max_length": 20}
    (folder / "generation_config.json").write_text(json.dumps(asked))
    beams, template = preflight(folder)
    assert beams == "generation_config.json sets 'num_beams', which MAX's sampling does not have"
    assert template.startswith("the tokenizer has no chat template: /v1/chat/completions will")
    named = [{"name": "rag", "template": "x"}]
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": named}))
    (folder / "generation_config.json").write_text("{")
    broken, template = preflight(folder)
    assert "generation_config.json is not JSON" in broken
    assert template.startswith("the tokenizer has no chat template but rag: ")


def long_cohere(directory: Path) -> None:
    checkpoint("cohere", directory)
    edit_config(directory, model_max_length=2048, max_position_embeddings=512)


def long_glm(directory: Path) -> None:
    checkpoint("glm", directory)
    rope = json.loads((directory / "config.json").read_text())["rope_parameters"]
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}
    edit_config(directory, rope_parameters=rope | yarn, max_position_embeddings=512)


@pytest.mark.parametrize("case", [long_cohere, long_glm])
def test_a_length_is_a_limit_only_of_learned_positions(case: Case, folder: Path) -> None:
    case(folder)
    assert preflight(folder, max_length=2048) == []
    (warning,) = preflight(folder, max_length=2049)
    assert warning.startswith("--max-length 2049 is more than the 2048 positions")


def test_learned_positions_are_a_limit(folder: Path) -> None:
    checkpoint("gpt2", folder)
    with pytest.raises(PortError, match="--max-length 513 is more than the 512 positions"):
        preflight(folder, max_length=513)


def test_ids_beyond_the_embedding(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    from transformers import AutoTokenizer

    caplog.set_level(logging.ERROR)
    checkpoint("gpt2", folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.save_pretrained(folder)
    (warning,) = preflight(folder)
    assert warning.startswith(f"the tokenizer has 2 tokens, from '<|im_start|>' (id {rows})")
    arguments = PipelineArgs.from_flat_kwargs(
        model_path=str(folder),
        custom_architectures=[str(Path(architectures.__path__[0]))],
        device_specs=[{"id": -1, "device_type": "cpu"}],
        quantization_encoding="float32",
    )
    ours = PortTokenizer(str(folder), PipelineConfig.from_args(arguments))
    assert asyncio.run(ours.encode([0, rows - 1])).tolist() == [0, rows - 1]
    for token in (rows, -1, 2**63, 2**200):
        with pytest.raises(InputError, match=rf"token id {token} .* ids are 0 to {rows - 1}"):
            asyncio.run(ours.encode([1, token]))
    with pytest.raises(InputError, match=f"token id {rows} "):
        asyncio.run(ours.encode("<|im_start|>user"))


def another_model_type(directory: Path) -> None:
    checkpoint("stablelm", directory)
    edit_config(directory, model_type="stablelm_epoch")


def without_its_head(directory: Path) -> None:
    checkpoint("gpt2", directory)
    edit_config(directory, architectures=["GPT2Model"])


def classifier(directory: Path) -> None:
    checkpoint("starcoder2", directory)
    edit_config(directory, architectures=["Starcoder2ForSequenceClassification"])


def renamed(slug: str, change: Callable[[str], str]) -> Case:
    def case(directory: Path) -> None:
        checkpoint(slug, directory)
        store(directory, {change(name): t for name, t in tensors(directory).items()})

    return case


def adapter_only(directory: Path) -> None:
    adapter_beside(directory)
    (directory / BESIDE).unlink()
    (directory / "adapter_config.json").write_text('{"peft_type": "LORA"}')


def split_gguf(directory: Path) -> None:
    checkpoint("smollm3", directory)
    (directory / BESIDE).unlink()
    for i in (1, 2):
        (directory / f"tiny-F16-{i:05d}-of-00002.gguf").write_bytes(b"GGUF")


def another_name(directory: Path) -> None:
    checkpoint("phi", directory)
    (directory / BESIDE).rename(directory / "weights.safetensors")


def linked_elsewhere(directory: Path) -> None:
    checkpoint("gemma", directory)
    (directory / BESIDE).rename(directory.parent / "private.safetensors")
    (directory / BESIDE).symlink_to(directory.parent / "private.safetensors")


REFUSED = {
    "another model type": (
        another_model_type,
        "config.json has model_type 'stablelm_epoch', which transformers does not know"
        " (nearest: stablelm)",
    ),
    "without its head": (without_its_head, 'write "architectures": ["GPT2LMHeadModel"]'),
    "a classifier by class": (classifier, "which has no head that generates"),
    "a classifier by tensor": (
        renamed("phi", lambda name: name.replace("lm_head.weight", "score.weight")),
        "the checkpoint has a head that classifies",
    ),
    "packed without a word": (
        renamed("stablelm", lambda name: name.replace("q_proj.weight", "q_proj.qweight")),
        "the checkpoint is quantised as GPTQ and AWQ do, and config.json has no quantization_conf",
    ),
    "compiled": (renamed("gpt2", lambda name: f"_orig_mod.{name}"), "save its _orig_mod"),
    "an unmerged adapter": (
        renamed("phi", lambda name: f"base_model.model.{name}"),
        "the checkpoint holds an adapter; merge it",
    ),
    "an adapter without its base": (adapter_only, "holds an adapter without its base model"),
    "a split GGUF": (split_gguf, "is one part of a split GGUF"),
    "another file name": (another_name, "but weights.safetensors; transformers' save_pretrained"),
    "a link elsewhere": (linked_elsewhere, "which is outside the checkpoint"),
}


@pytest.mark.parametrize(("case", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_for_what_it_is(
    case: Case, line: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case(folder)
    said = refused(folder)
    assert said is not None
    assert line in said
    assert "\n" not in said
    # One answer from all commands.
    for arguments in (["serve", str(folder)], ["check-walls", str(folder)]):
        code, out, err = ports_here(capsys, *arguments)
        assert code != 0
        words = " ".join((out + err).split())
        assert line in words or (arguments[0] == "check-walls" and "blocker" in words)
    _, out, _ = ports_here(capsys, "inspect", str(folder))
    assert "serve it" not in out


def test_dev_shm_is_another_file_system(tmp_path: Path) -> None:
    assert os.stat("/dev/shm").st_dev != os.stat(tmp_path).st_dev
