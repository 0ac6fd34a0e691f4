# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The decoder that a port assembles: embedding, blocks, final norm, head.

A port overrides the methods that return what differs; what it does not mention is a plain pre-norm
decoder with RMSNorm, rotary positions and a gated MLP.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from max import tree
from max.graph import Graph, TensorValue, Type, Value
from max.graph import Module as GraphModule
from max.nn.embedding import Embedding
from max.nn.kv_cache import KVCacheInputsPerDevice, KVCacheParamInterface, PagedCacheValues
from max.nn.layer import Layer, LayerList, Module
from max.nn.norm import LayerNorm, RMSNorm
from max.nn.transformer.transformer import logits_postprocess
from max.pipelines.lib.interfaces.batch_processor import ragged_kv_symbolic_input_tree

from common.config import DecoderConfig

from .attention import Attention
from .blocks import Block, PreNormBlock
from .head import Head
from .masks import Causal, SlidingWindow
from .mlp import GatedMLP
from .positions import NoPosition, Position, Rope
from .ranks import Ranks, signalled
from .step import Step

ConfigT = TypeVar("ConfigT", bound=DecoderConfig)


class Decoder(Module, Generic[ConfigT]):
    """Tokens and KV cache to logits.

    Weights: ``embed_tokens.weight``, ``layers.{i}.…``, ``norm.…`` and ``lm_head.weight`` unless
    tied.

    Args:
        config: The port's config.
    """

    def __init__(self, config: ConfigT) -> None:
        super().__init__()
        self.config = config
        self.rope: Position = NoPosition()
        if config.rope_parameters:
            self.rope = Rope(config.rope_parameters, config.max_seq_len)
        self.embed_tokens = self.embedding()
        self.layers = LayerList([self.block(i) for i in range(config.num_hidden_layers)])
        self.norm = self.final_norm()
        self.lm_head = self.head()

    @classmethod
    def config_cls(cls) -> type[DecoderConfig]:
        """Returns the config that a decoder is declared with: ``C`` of its ``Decoder[C]``."""
        for base in cls.__mro__:
            for declared in vars(base).get("__orig_bases__", ()):
                for argument in get_args(declared):
                    if isinstance(argument, type):
                        return argument
        raise TypeError(f"{cls.__name__} names no config: derive it from Decoder[Config]")

    def embedding(self) -> Embedding:
        """Returns the embedding of tokens."""
        config = self.config
        return Embedding(config.vocab_size, config.hidden_size, config.dtype, config.device)

    def block(self, i: int) -> Module:
        """Returns layer ``i``."""
        wiring = self.wiring()
        norms = {name: self.norm_layer() for name in wiring.NORMS}
        return wiring(attention=self.attention(i), mlp=self.mlp(i), **norms)

    def wiring(self) -> type[Block]:
        """Returns how a block joins its parts."""
        return PreNormBlock

    def attention(
        self,
        i: int,
        *,
        position: Position | None = None,
        window: int | None = None,
        scale: float | None = None,
    ) -> Attention:
        """Returns the attention of layer ``i``: rotary and causal, unless it says otherwise."""
        mask = SlidingWindow(window) if window else Causal()
        return self.attention_of(i, position=position or self.rope, mask=mask, scale=scale)

    def attention_of(self, i: int, **parts: Any) -> Attention:
        """Returns the attention of layer ``i`` from its parts."""
        return Attention(self.config, i, **parts)

    def mlp(self, i: int) -> Layer:
        """Returns the feed-forward part of layer ``i``."""
        return GatedMLP(self.config)

    def norm_layer(self) -> Layer:
        """Returns one norm over the hidden size, as all of them are."""
        return self.rms_norm()

    def final_norm(self) -> Layer:
        """Returns the norm before the head."""
        return self.norm_layer()

    def head(self) -> Head:
        """Returns the projection to logits."""
        return Head(self.config, self.embed_tokens)

    def embed(self, tokens: TensorValue, step: Step) -> TensorValue:
        """Returns ``[tokens, hidden_size]``, the input of the first layer."""
        return self.embed_tokens(tokens)

    def rms_norm(self, *, offset: float = 0.0) -> RMSNorm:
        """RMSNorm over the hidden size (Zhang & Sennrich 2019, arXiv:1910.07467).

        Args:
            offset: What is added to the weight: 1 where checkpoints hold its distance from one.
        """
        return RMSNorm(
            self.config.hidden_size,
            self.config.dtype,
            self.config.norm_eps,
            weight_offset=offset,
            # A distance from one is a small number: the references that store it multiply by
            # the sum before they round.
            multiply_before_cast=offset != 0.0,
        )

    def layer_norm(self, *, bias: bool = True, width: int | None = None) -> LayerNorm:
        """LayerNorm (Ba et al. 2016, arXiv:1607.06450) over the hidden size, or ``width``."""
        return LayerNorm(
            width or self.config.hidden_size,
            self.config.devices,
            self.config.dtype,
            self.config.norm_eps,
            use_bias=bias,
        )

    def __call__(
        self,
        tokens: TensorValue,
        kv_collection: PagedCacheValues,
        return_n_logits: TensorValue,
        input_row_offsets: TensorValue,
    ) -> tuple[TensorValue, ...]:
        """Traces one forward pass over a ragged batch.

        Args:
            tokens: ``[tokens]`` int64, the new tokens of all rows, row after row.
            kv_collection: The paged KV cache.
            return_n_logits: ``[1]`` int64, for ``ReturnLogits.VARIABLE``.
            input_row_offsets: ``[batch + 1]`` uint32.

        Returns:
            Float32 logits ``[batch, vocab_size]`` of each row's last token; with
            ``ReturnLogits.ALL`` also ``[tokens, vocab_size]`` and the offsets.
        """
        step = Step(kv_collection, input_row_offsets)
        h = self.embed(tokens, step)
        for layer in self.layers:
            h = layer(h, step)
        return logits_postprocess(
            h,
            input_row_offsets,
            return_n_logits,
            norm=self.norm,
            lm_head=self.lm_head,
            return_logits=self.config.return_logits,
        )

    def input_tree(self, kv_params: KVCacheParamInterface) -> OrderedDict[str, object]:
        """Names the graph's inputs; its leaves are their types."""
        devices = self.config.devices
        return ragged_kv_symbolic_input_tree(
            kv_params=kv_params, device_refs=devices, include_signal_buffers=signalled(devices)
        )

    def trace(
        self,
        *input_types: Type[Any],
        name: str | None = None,
        module: GraphModule | None = None,
        custom_extensions: Iterable[Path] = (),
        is_device_graph: bool = False,
    ) -> Graph:
        """Traces the graph whose inputs are the leaves of :meth:`input_tree`."""
        devices = self.config.devices
        count = len(devices) if signalled(devices) else 0

        def forward(
            tokens: Value[Any], offsets: Value[Any], return_n_logits: Value[Any], *rest: Value[Any]
        ) -> tuple[TensorValue, ...]:
            inputs = self.config.kv_params.unflatten_kv_inputs(iter(rest[count:]))
            caches = tree.leaves(inputs, leaf=KVCacheInputsPerDevice)
            if len(devices) == 1:
                return self(tokens.tensor, caches[0], return_n_logits.tensor, offsets.tensor)
            signals = [value.buffer for value in rest[:count]]
            return Ranks(self)(
                tokens.tensor, caches, return_n_logits.tensor, offsets.tensor, signals
            )

        return Graph(
            name or type(self).__qualname__,
            forward,
            input_types=input_types,
            custom_extensions=list(custom_extensions),
            module=module,
            is_device_graph=is_device_graph,
        )
