# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What of a checkpoint reaches the graph, by us and by transformers, which is the judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, save_file

from architectures import ARCHITECTURES, load_port
from common.adapters import audit
from common.checkpoint import read_config
from common.errors import PortError
from proof.checkpoints import quiet, write_checkpoint
from tools.read.preflight import load_config, planned, port_class

HEAD, EMBEDDING = "lm_head.weight", "embed_tokens.weight"
Arrays = dict[str, npt.NDArray[np.float32]]


def checkpoint(slug: str, directory: Path, fixture: int = 0, **options: Any) -> Path:
    """Writes the checkpoint of a port's fixture."""
    port = load_port(slug)
    return write_checkpoint(port, port.fixtures[fixture], directory, **options)


def tensors(directory: Path, name: str = "model.safetensors") -> dict[str, torch.Tensor]:
    """Returns a file's tensors."""
    return load((directory / name).read_bytes())


def store(
    directory: Path, found: Mapping[str, torch.Tensor], name: str = "model.safetensors"
) -> None:
    """Writes tensors to a file."""
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    whole = {key: tensor.contiguous().clone() for key, tensor in found.items()}
    save_file(whole, directory / name, metadata={"format": "pt"})


def edit_config(directory: Path, **changes: Any) -> None:
    """Sets keys of config.json; ``...`` removes one."""
    found = json.loads((directory / "config.json").read_text()) | changes
    kept = {key: value for key, value in found.items() if value is not ...}
    (directory / "config.json").write_text(json.dumps(kept))


def shard(directory: Path, count: int) -> None:
    """Cuts model.safetensors into shards with an index."""
    found = tensors(directory)
    names, weight_map = sorted(found), {}
    for i in range(count):
        file = f"model-{i + 1:05d}-of-{count:05d}.safetensors"
        store(directory, {name: found[name] for name in names[i::count]}, file)
        weight_map |= dict.fromkeys(names[i::count], file)
    (directory / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def stacked_experts(directory: Path) -> None:
    """Writes Mixtral in the layout that transformers computes with."""
    from transformers import AutoModelForCausalLM

    checkpoint("mixtral", directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model.save_pretrained(directory, save_original_format=False)
    assert any(name.endswith("experts.gate_up_proj") for name in tensors(directory))


def sentencepiece_only(directory: Path) -> None:
    """Writes SmolLM3 with tokenizer.model alone, and chat templates by name."""
    import sentencepiece

    checkpoint("smollm3", directory)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (directory / name).unlink(missing_ok=True)
    text = directory / "text"
    text.write_text("\n".join(f"word{i} of line {i * 7}, and on" for i in range(400)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(directory / "tokenizer"),
        # As many as the embedding has rows: MAX generates no id that the tokenizer has not.
        vocab_size=384,
        model_type="bpe",
        byte_fallback=True,
        pad_id=-1,
        minloglevel=2,
    )
    chat = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}{% endfor %}"
    templates = [{"name": "default", "template": chat}, {"name": "rag", "template": "x"}]
    config = {"tokenizer_class": "LlamaTokenizer", "chat_template": templates}
    (directory / "tokenizer_config.json").write_text(json.dumps(config))


def served(directory: Path) -> Arrays:
    """Returns the graph's weights as ``./ports serve`` gives them to it, in float32.

    Raises:
        PortError: If it would refuse the checkpoint.
    """
    name = port_class(read_config(directory))
    architecture = load_port(ARCHITECTURES.classes[name]).architecture(name)
    plan, parameters = planned(architecture, load_config(directory), directory)
    audit(plan.produced, parameters)
    # Copied: what is mapped goes with its file.
    return {
        name: np.array(np.from_dlpack(tensor.read().data)) for name, tensor in plan.produced.items()
    }


def reference(directory: Path, scratch: Path) -> Arrays | None:
    """Returns the same of the model that transformers loads, or None if it does not load one whole.

    Its state, written to one file in ``scratch``, goes through the same rules; head and embedding
    are the model's own.
    """
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            model, info = AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=torch.float32,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception:
        return None
    if info["missing_keys"] or info["mismatched_keys"]:
        return None
    scratch.mkdir(exist_ok=True)
    store(scratch, model.state_dict())
    raw = json.loads((directory / "config.json").read_text())
    raw.pop("transformers_weights", None)
    (scratch / "config.json").write_text(json.dumps(raw))
    found = served(scratch)
    head, embedding = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    found[EMBEDDING] = embedding.detach().numpy()
    found[HEAD] = head.detach().numpy()
    return found


def same(ours: Arrays, theirs: Arrays) -> str | None:
    """Returns the first weight that differs in a bit, or None."""
    # A tied graph has no head of its own.
    whole = {**ours, HEAD: ours.get(HEAD, ours[EMBEDDING])}
    for name in sorted(whole.keys() | theirs.keys()):
        if name not in whole or name not in theirs or not np.array_equal(whole[name], theirs[name]):
            return name
    return None


def refused(directory: Path) -> str | None:
    """Returns the line that refuses a checkpoint, or None."""
    from tools.read.preflight import preflight

    try:
        preflight(directory)
    except PortError as error:
        return str(error)
    return None
