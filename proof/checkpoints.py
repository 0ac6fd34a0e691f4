# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes tiny random checkpoints that show every delta, with a byte-level tokenizer.

Default initialisation (std 0.02, zero biases, unit norms) hides deltas: ignoring SmolLM3's NoPE
moves such logits by 0.7% of their deviation. So every tensor is drawn: matrices N(0, 1/fan_in),
vectors N(init, 0.3).
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.declaration import Fixture, Port

VOCAB_SIZE = 384
PAD, BOS, EOS = 256, 257, 258

#: Tiny dimensions in transformers' names; a config class takes those it knows.
TINY = dict(
    hidden_size=128,
    intermediate_size=192,
    num_hidden_layers=4,
    vocab_size=VOCAB_SIZE,
    max_position_embeddings=512,
    pad_token_id=PAD,
    bos_token_id=BOS,
    eos_token_id=EOS,
    # No reference's default. Kernels are compiled with it, so that a second one costs.
    **dict.fromkeys(("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"), 1e-3),
)

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences transformers: its bars, and its report of what a witness takes out on purpose."""
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def fixture_config(port: Port, fixture: Fixture) -> Any:
    """Returns a fixture's transformers config."""
    from transformers import AutoConfig

    class_name = fixture.class_name or port.class_name
    model_type = port.classes[class_name]
    config = AutoConfig.for_model(model_type, **fixture_values(fixture, model_type))
    config.architectures = [class_name]
    return config


def fixture_values(fixture: Fixture, model_type: str) -> dict[str, Any]:
    """Returns the values that a fixture gives to the config of a model type."""
    from transformers import AutoConfig

    default = AutoConfig.for_model(model_type)
    tiny = {**TINY, **fixture.attention}
    return {key: v for key, v in tiny.items() if hasattr(default, key)} | dict(fixture.config)


def write_checkpoint(
    port: Port, fixture: Fixture, directory: Path, seed: int = 0, dtype: str = "float32"
) -> Path:
    """Writes config.json, model.safetensors and a tokenizer into ``directory``.

    Args:
        port: Whose model class to build.
        fixture: Which config to build it with.
        directory: Where; made if missing.
        seed: Of the random weights.
        dtype: What they are rounded to; the reference computes with the same.

    Returns:
        ``directory``.
    """
    import torch
    from safetensors.torch import load, save_file
    from transformers import AutoModelForCausalLM

    config = fixture_config(port, fixture)
    # Its own generator, so that a caller's random state neither decides nor changes.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    randomize(model, seed)
    if port.router:
        settle(model, port.router, seed)
    with quiet():
        model.to(getattr(torch, dtype)).save_pretrained(directory)
    if fixture.stored:
        file = directory / "model.safetensors"
        # Read whole: mapped tensors would change under the file that is written.
        save_file(fixture.stored(load(file.read_bytes())), file, metadata={"format": "pt"})
    # It has written the class it saved, which some files know by another name.
    model.config.architectures = [fixture.class_name or port.class_name]
    model.config.save_pretrained(directory)
    write_tokenizer(directory)
    return directory


def randomize(model: Any, seed: int) -> None:
    """Draws every floating-point parameter of a torch model anew."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            # What starts at one is a norm's weight, also with a row for each head.
            if parameter.dim() > 1 and not (parameter == 1).all():
                parameter.copy_(noise / parameter.shape[-1] ** 0.5)
            else:
                parameter.add_(0.3 * noise)


def settle(model: Any, router: str, seed: int) -> None:
    """Makes routers choose experts by far, so that no rounding turns a choice.

    Of the 2,000 choices that parity is judged on, random weights leave one 1e-5 from another, and
    bfloat16 turns so many that transformers disagrees with itself (KL 0.5). So the residual's
    first columns, one for each expert, say which a token is for: its embedding sets them, no layer
    writes to them, and routers hear them above the rest.

    Args:
        model: A torch model, with its weights drawn.
        router: The class of its routers, which have ``weight`` and ``top_k``.
        seed: Of which experts a token is for.
    """
    import torch

    routers = [module for module in model.modules() if type(module).__name__ == router]
    experts, top_k = routers[0].weight.shape[0], routers[0].top_k
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        tokens = model.get_input_embeddings().weight
        chosen = torch.rand(len(tokens), experts, generator=generator).topk(top_k).indices
        tokens[:, :experts] = torch.full((len(tokens), experts), -1.0).scatter(1, chosen, 1.0)
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj", "down_proj.weight")):
                parameter[..., :experts, :] = 0
        for module in routers:
            module.weight.mul_(0.1)
            module.weight[:, :experts] = torch.eye(experts)


def write_tokenizer(directory: Path) -> None:
    """Writes a fast tokenizer of one token a byte, three specials, and names for the rest."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # The byte-level alphabet is a set; sorted, an id is the same in every process.
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {letter: i for i, letter in enumerate(letters)}
    vocab |= {"<pad>": PAD, "<bos>": BOS, "<eos>": EOS}
    vocab |= {f"Ġword{i}": i for i in range(EOS + 1, VOCAB_SIZE)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<pad>", "<bos>", "<eos>"])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        chat_template=CHAT_TEMPLATE,
    )
    fast.save_pretrained(directory)


def legacy_spelling(fixture: Fixture, directory: Path) -> dict[str, Any]:
    """Returns config.json of a written fixture as files from before transformers 5 spell it."""
    config = json.loads((directory / "config.json").read_text())
    config["torch_dtype"] = config.pop("dtype")
    if rope := config.pop("rope_parameters", None):
        for key in rope.keys() & {"rope_theta", "partial_rotary_factor"}:
            config[key] = rope.pop(key)
        config["rope_scaling"] = None if rope.get("rope_type") == "default" else rope
    for key, value in fixture.legacy.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value
    return config
