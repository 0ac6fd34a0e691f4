# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks a checkpoint without compiling anything or running code of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from architectures import ARCHITECTURES, load_port
from common.checkpoint import Header, read_config, read_headers, read_json
from common.errors import PortError, nearest

from . import hub
from .installed import causal_models, model_types, transformers_classes

if TYPE_CHECKING:
    from max.graph import Weight

    from common.adapters import Plan


#: Keys of config.json that count something, each with more than any model has of it: a graph of a
#: billion layers would be built until memory ends.
DIMENSIONS = {
    "hidden_size": 10**7,
    "intermediate_size": 10**8,
    "num_hidden_layers": 10**4,
    "num_attention_heads": 10**6,
    "num_key_value_heads": 10**6,
    "vocab_size": 10**9,
}


def port_class(config: dict[str, Any]) -> str:
    """Returns the class that config.json names, if a port serves it.

    Raises:
        PortError: If none does; says what does, or what the class is.
    """
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else None
    if not isinstance(name, str):
        raise PortError(
            'config.json names no class: "architectures" must be a list such as'
            f' ["{next(iter(ARCHITECTURES.classes))}"]'
        )
    if name in ARCHITECTURES.classes:
        return name
    from max.pipelines.lib.registry import PIPELINE_REGISTRY

    if PIPELINE_REGISTRY._arch_lookup.resolve(name):
        raise PortError(f"MAX serves {name} itself: run `max serve` without these ports")
    model_type = config.get("model_type")
    generates = causal_models().get(model_type) if isinstance(model_type, str) else None
    if generates in ARCHITECTURES.classes and name in transformers_classes():
        raise PortError(
            f"config.json names {name}, which has no head that generates; if the checkpoint is a"
            f' language model all the same, write "architectures": ["{generates}"]'
        )
    remote = (
        "; its code comes with the checkpoint (auto_map), and there is no reference to prove a"
        " port against"
        if config.get("auto_map")
        else ""
    )
    raise PortError(f"no port for {name}{remote or nearest(name, ARCHITECTURES.classes)}")


def load_config(directory: Path) -> Any:
    """Returns a checkpoint's transformers config object.

    Raises:
        PortError: If config.json is missing, or transformers refuses it.
    """
    from transformers import AutoConfig

    raw = read_config(directory)
    file, model_type = directory / "config.json", raw.get("model_type")
    if not isinstance(model_type, str) or model_type not in model_types():
        known = nearest(model_type, model_types()) if isinstance(model_type, str) else ""
        raise PortError(
            f"{file} has model_type {model_type!r}, which transformers does not know{known}"
        )
    try:
        config = AutoConfig.from_pretrained(directory, trust_remote_code=False)
    except Exception as error:
        # transformers checks some keys itself, with errors of many kinds, and lines.
        raise PortError(f"transformers refuses {file}: {in_one_line(error)}") from None
    for key, most in DIMENSIONS.items():
        size = getattr(config, key, None)
        if isinstance(size, int) and not 0 < size <= most:
            raise PortError(f"{key} is {size} in {file}; it must be positive, and {most} at most")
    return config


def in_one_line(error: Exception, longest: int = 200) -> str:
    """Returns what an error says, its lines joined; advice that follows is cut off."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= longest else f"{said[:longest]}..."


def check_tokenizer(directory: Path, vocab_size: int) -> list[str]:
    """Loads the tokenizer as MAX will, without code of the checkpoint.

    Args:
        directory: The checkpoint.
        vocab_size: Rows of the embedding.

    Returns:
        Warnings.

    Raises:
        PortError: If transformers cannot.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
        beyond = sorted((i, token) for token, i in tokenizer.get_vocab().items() if i >= vocab_size)
    except Exception as error:
        raise PortError(
            f"transformers finds no tokenizer in {directory}: {in_one_line(error)}"
        ) from None
    warnings = []
    if beyond:
        (first, token), count = beyond[0], len(beyond)
        warnings.append(
            f"the tokenizer has {count} tokens, from {token!r} (id {first}), for which the"
            f" embedding of {vocab_size} rows has none; a request that uses one is refused"
        )
    # transformers has read it from where it may be: tokenizer_config.json, as one or as a list of
    # named ones, or files of its own.
    template = tokenizer.chat_template
    if not template or (isinstance(template, dict) and "default" not in template):
        named = f" but {', '.join(template)}" if template else ""
        warnings.append(
            f"the tokenizer has no chat template{named}: /v1/chat/completions will refuse chats,"
            " unless `--chat-template FILE` gives one"
        )
    return warnings


#: Keys of generation_config.json that say nothing to a server, or that MAX takes as they are.
GENERATION = frozenset(
    (
        *("bos_token_id", "eos_token_id", "pad_token_id", "max_length", "use_cache"),
        *("transformers_version", "_from_model_config", "return_dict_in_generate"),
        *("output_attentions", "output_hidden_states", "output_scores", "output_logits"),
    )
)


def check_generation(directory: Path) -> list[str]:
    """Returns warnings for what generation_config.json asks for and MAX does not do.

    Its ends of text and its sampling defaults take effect.
    """
    from max.pipelines.context.sampling_params import SamplingParamsGenerationConfigDefaults

    if not (directory / "generation_config.json").is_file():
        return []
    try:
        found = read_json(directory / "generation_config.json")
    except PortError as error:
        return [f"{error}; no sampling defaults are taken from it"]
    known = GENERATION | SamplingParamsGenerationConfigDefaults.__dataclass_fields__.keys()
    return [
        f"generation_config.json sets {key!r}, which MAX's sampling does not have"
        for key, value in sorted(found.items())
        if key not in known and value
    ]


def located(
    model: str,
    say: Callable[[str], None],
    *,
    max_length: int | None = None,
    trust_remote_code: bool = False,
    devices: int = 1,
) -> Path:
    """Returns the folder of a checkpoint: itself, or downloaded if it is a name of the Hub.

    Of the Hub, everything is checked that needs no weights before these are downloaded.

    Raises:
        PortError: If the Hub does not give it, or it cannot be served.
    """
    if not hub.is_name(model):
        return Path(model).expanduser()

    def check(directory: Path, headers: list[Header]) -> None:
        if headers:
            preflight(
                directory,
                headers=headers,
                max_length=max_length,
                trust_remote_code=trust_remote_code,
                devices=devices,
            )
        else:
            port_class(read_config(directory))

    return hub.fetched(model, check, say, code=trust_remote_code)


def planned(
    architecture: Any, huggingface_config: Any, directory: Path
) -> tuple[Plan, dict[str, Weight]]:
    """Returns what becomes of a checkpoint's tensors, by its headers, and what the graph expects.

    Args:
        architecture: The port's ``SupportedArchitecture``.
        huggingface_config: From :func:`load_config`.
        directory: The checkpoint.

    Raises:
        PortError: If the config or a file is unfit, or a rule finds a tensor it cannot take.
    """
    return planned_from(architecture, huggingface_config, read_headers(directory))


def planned_from(
    architecture: Any, huggingface_config: Any, headers: Sequence[Header]
) -> tuple[Plan, dict[str, Weight]]:
    """As :func:`planned`, from headers that are read already."""
    from max.graph.weights import weights_format

    from common.adapters import described, plan

    config = architecture.config.from_huggingface(huggingface_config)
    files = sorted({header.file for header in headers})
    weight_map = architecture.weight_adapters[weights_format(files)].weight_map
    found = plan(config, weight_map, described(headers), config.dtype)
    try:
        decoder = architecture.pipeline_model.decoder_cls(config.fitted(found.produced))
        parameters = decoder.raw_state_dict()
    except PortError:
        raise
    except (ArithmeticError, TypeError, ValueError) as error:
        # MAX's layers refuse sizes that no tensor can have.
        raise PortError(f"no graph has the sizes in config.json: {in_one_line(error)}") from None
    return found, parameters


def preflight(
    directory: Path,
    *,
    headers: Sequence[Header] | None = None,
    max_length: int | None = None,
    trust_remote_code: bool = False,
    devices: int = 1,
) -> list[str]:
    """Checks everything about a checkpoint that needs no compile.

    Args:
        directory: The checkpoint.
        headers: Of its weights, if these are not there.
        max_length: The longest sequence to serve, in tokens, if not the checkpoint's.
        trust_remote_code: Leaves the tokenizer unchecked, which may then be the checkpoint's code.
        devices: How many it is to be divided over.

    Returns:
        Warnings.

    Raises:
        PortError: For the first thing that would keep the checkpoint from being served.
    """
    raw = read_config(directory)
    class_name = port_class(raw)

    from common.adapters import audit

    port = load_port(ARCHITECTURES.classes[class_name])
    architecture = port.architecture(class_name)
    huggingface_config = load_config(directory)
    if huggingface_config.model_type != port.classes[class_name]:
        raise PortError(
            f"{directory / 'config.json'} has model_type {huggingface_config.model_type!r};"
            f" {class_name} is of {port.classes[class_name]!r}"
        )
    found = read_headers(directory) if headers is None else headers
    plan, parameters = planned_from(architecture, huggingface_config, found)
    audit(plan.produced, parameters)
    config = architecture.config.from_huggingface(huggingface_config)
    config.check_ranks(devices)
    warnings = [
        f"config.json sets {key!r}, which the port neither reads nor knows to be without effect"
        for key in architecture.config.unaccounted(huggingface_config, raw)
    ]
    length = max_length or huggingface_config.max_position_embeddings
    if warning := config.beyond(length, huggingface_config):
        warnings.append(warning)
    if config.tie_word_embeddings and not config.fitted(plan.produced).tie_word_embeddings:
        warnings.append(
            "config.json ties the head to the embedding, and the checkpoint holds a head of its"
            " own, which is served, as transformers does"
        )
    warnings += check_generation(directory)
    if not trust_remote_code:
        warnings += check_tokenizer(directory, config.vocab_size)
    return warnings
