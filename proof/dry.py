# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds a port's decoder without compiling or loading anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

MAX_LENGTH = 512


def dry_build(
    architecture: Any,
    huggingface_config: Any,
    decoder_cls: Callable[[Any], Any] | None = None,
    devices: Sequence[Any] = (),
) -> Any:
    """Returns the decoder of a config, with a KV cache declared as serving would.

    Args:
        architecture: The port's ``SupportedArchitecture``.
        huggingface_config: A transformers config object.
        decoder_cls: Makes the decoder of a config, in place of the port's class.
        devices: Of its ranks; one rank on the CPU by default.

    Raises:
        PortError: If the port does not support what the config asks for.
    """
    from max.pipelines.lib import KVCacheConfig

    config = architecture.config.from_huggingface(huggingface_config)
    config.devices = list(devices) or config.devices
    config.check_ranks(len(config.devices))
    kv_params = KVCacheConfig().to_params(
        dtype=config.dtype,
        n_kv_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        num_layers=config.num_hidden_layers,
        devices=config.devices,
        data_parallel_degree=1,
        allow_kv_head_replication=True,
    )
    config = dataclasses.replace(config, kv_params=kv_params, max_seq_len=MAX_LENGTH)
    return (decoder_cls or architecture.pipeline_model.decoder_cls)(config)


def dry_trace(decoder: Any) -> Any:
    """Returns the traced graph of a decoder from :func:`dry_build`."""
    from max import tree

    from .kernels import shared_kernels

    # Names are otherwise given when weights are loaded.
    for name, weight in decoder.raw_state_dict().items():
        weight.name = name
    with shared_kernels():
        return decoder.trace(*tree.leaves(decoder.input_tree(decoder.config.kv_params)))


def fields_read(architecture: Any, huggingface_config: Any) -> set[str]:
    """Returns the fields of its config that a decoder's build and trace read.

    Raises:
        PortError: As :func:`dry_build`.
    """
    read: set[str] = set()
    decoder_cls = architecture.pipeline_model.decoder_cls

    def watched(config: Any) -> Any:
        class Watched(type(config)):  # type: ignore[misc]
            def __getattribute__(self, name: str) -> Any:
                read.add(name)
                return super().__getattribute__(name)

        config.__class__ = Watched
        return decoder_cls(config)

    dry_trace(dry_build(architecture, huggingface_config, decoder_cls=watched))
    return read
