# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads a transformers config object and remembers which keys were asked for.

Values come from the config object, because it normalises the spellings that released
checkpoints use; accounting covers the object's keys and the raw ``config.json`` alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from common.errors import PortError, nearest, shorten

#: Keys that change nothing in a forward pass without training, with the reason.
IGNORED: Mapping[str, str] = {
    **dict.fromkeys(
        ("architectures", "model_type", "auto_map", "_name_or_path", "id2label", "label2id"),
        "identity of the checkpoint",
    ),
    **dict.fromkeys(
        ("dtype", "torch_dtype"),
        "storage dtype of the checkpoint; the encoding that is served decides",
    ),
    **dict.fromkeys(
        ("transformers_version", "return_dict", "output_hidden_states", "output_attentions"),
        "an option of the library, not of the model",
    ),
    **dict.fromkeys(
        ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "use_cache"),
        "generation; MAX reads it from the tokenizer and the generation config",
    ),
    **dict.fromkeys(
        (
            *("attention_dropout", "hidden_dropout", "classifier_dropout", "initializer_range"),
            *("attn_pdrop", "embd_pdrop", "resid_pdrop", "embedding_dropout", "residual_dropout"),
            "gradient_checkpointing",
        ),
        "training only",
    ),
    **dict.fromkeys(
        (
            *("summary_activation", "summary_first_dropout", "summary_proj_to_labels"),
            *("summary_type", "summary_use_proj", "_num_labels"),
        ),
        "of heads for classification",
    ),
    "transformers_weights": "which files are the checkpoint; common/checkpoint.py reads it",
    "task_specific_params": "of the library's task pipelines",
    **dict.fromkeys(
        ("chunk_size_feed_forward", "is_encoder_decoder", "problem_type", "is_decoder"),
        "a default of the library's base class that decoders do not read",
    ),
}

#: Keys of released checkpoints that transformers folds into another key when it loads them.
LEGACY: Mapping[str, str] = {
    "rope_theta": "rope_parameters",
    "rope_scaling": "rope_parameters",
    "partial_rotary_factor": "rope_parameters",
    "torch_dtype": "dtype",
}


class ConfigKeys:
    """A config object whose reads are counted.

    Args:
        huggingface_config: The config as ``AutoConfig`` made it.
        absent: Keys that this architecture's config does not have, with what its code does instead.
    """

    def __init__(
        self, huggingface_config: Any, absent: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._config = huggingface_config
        self._absent = absent
        self._known = set(huggingface_config.to_dict())
        # GPT-2's n_embd answers to hidden_size, and so on.
        self._spelled: Mapping[str, str] = huggingface_config.attribute_map
        self.used: set[str] = set()
        self._last = ""

    def __getitem__(self, key: str) -> Any:
        """Returns the value of ``key``.

        Raises:
            PortError: If the config has no such key.
        """
        self._note(key)
        try:
            return getattr(self._config, key)
        except AttributeError:
            if key in self._absent:
                return self._absent[key]
            raise PortError(
                f"config.json of a {self._config.model_type} model has no {key!r}"
                f"{nearest(key, self._known)}"
            ) from None

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the value of ``key``, or ``default`` where it is absent or null."""
        self._note(key)
        value = getattr(self._config, key, self._absent.get(key))
        return default if value is None else value

    def _note(self, key: str) -> None:
        self._last = key
        self.used.add(self._spelled.get(key, key))

    @contextmanager
    def named(self) -> Iterator[None]:
        """Names the key in what goes wrong with its value while it is read.

        Raises:
            PortError: Instead of the errors of arithmetic, conversions and look-ups.
        """
        try:
            yield
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, PortError):
                raise
            said = " ".join(str(error).split()) or type(error).__name__
            value = getattr(self._config, self._last, None)
            # A value may be as long as the file.
            raise PortError(
                f"config.json has {self._last} = {shorten(repr(value))}, which cannot be used:"
                f" {shorten(said)}"
            ) from None

    def require(self, key: str, value: Any) -> None:
        """Accepts ``key`` only if it is absent, null or ``value``.

        Raises:
            PortError: If the checkpoint asks for something else.
        """
        found = self.get(key, value)
        if found != value:
            said = shorten(repr(found))
            raise PortError(f"config.json sets {key} = {said}; this port supports only {value!r}")

    def unaccounted(
        self,
        raw: Iterable[str],
        ignored: Mapping[str, str],
        legacy: Mapping[str, str],
    ) -> list[str]:
        """Returns the keys that were neither read nor listed as ignored, sorted.

        Args:
            raw: The keys of config.json as written.
            ignored: The port's own ignored keys, each with its reason.
            legacy: The port's own legacy keys, each with the key that carries it now.
        """
        folded = {**LEGACY, **legacy}
        known = self.used | set(IGNORED) | set(ignored)
        # The object may keep such a key too, and a model does not read it there.
        seen = {folded.get(key, key) for key in self._known if not key.startswith("_")}
        # A folded key stays visible only through the key that carries its value; and a file may
        # use either spelling of an attribute, or both.
        written = {self._spelled.get(key, key) for key in (folded.get(key, key) for key in raw)}
        return sorted((seen | written) - known)
