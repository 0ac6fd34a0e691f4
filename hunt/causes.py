# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What usually makes a port wrong, and what to look at: the causes that symptoms name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownCause:
    """A fault that ports have had.

    Attributes:
        what: The fault.
        check: What to look at.
    """

    what: str
    check: str


#: By key. At position 0 a rotation is none, and attention to a single token is that token's value,
#: whatever q and k are; so no cause is both a first token's and a later one's.
CAUSES: Mapping[str, KnownCause] = {
    "embedding-scale": KnownCause(
        "embeddings are multiplied, and the port does not, or by another number",
        "embed_scale, embedding_multiplier, hidden_size ** 0.5, and in which dtype it is rounded",
    ),
    "norm-kind": KnownCause(
        "LayerNorm for RMSNorm or the other way; weight for 1 + weight; a norm without weight",
        "the forward of the norm's class, not its name",
    ),
    "norm-place": KnownCause(
        "a norm before the sublayer for one after it, or two norms exchanged",
        "the decoder layer's forward, line by line",
    ),
    "norm-eps": KnownCause(
        "another epsilon, or under another key",
        "rms_norm_eps, layer_norm_eps, norm_epsilon; the default of the config class",
    ),
    "residual-wiring": KnownCause(
        "parallel for sequential residual, or a branch that starts from the wrong tensor",
        "which tensor each residual is, before or after the norm",
    ),
    "residual-scale": KnownCause(
        "a sublayer's output is scaled before it is added",
        "residual_multiplier, scale_depth / num_hidden_layers ** 0.5",
    ),
    "activation": KnownCause(
        "another activation: erf, tanh and quick GELU are three functions",
        "hidden_act and hidden_activation, and which of them the reference reads",
    ),
    "gate-up": KnownCause(
        "gate and up exchanged, or split at the wrong half of a fused matrix",
        "the reference's chunk or split, and which half meets the activation",
    ),
    "bias": KnownCause(
        "a bias that the port leaves out or adds",
        "attention_bias, mlp_bias, use_bias, and bias= of each nn.Linear; q, k, v and o may differ",
    ),
    "qkv-split": KnownCause(
        "a fused QKV split in the wrong order: whole, by head, or by group",
        "the view and split after the fused projection",
    ),
    "head-groups": KnownCause(
        "query heads meet the wrong key-value head",
        "repeat_kv: neighbouring query heads share one; num_key_value_heads; head_dim when it is"
        " not hidden_size / num_attention_heads",
    ),
    "weight-exchanged": KnownCause(
        "a weight holds the values of another: of a sibling, or of another layer",
        "RenameParts and Rename in weight_adapters.py; ./ports weights",
    ),
    "weight-damaged": KnownCause(
        "some rows of a weight are moved, cut, doubled or read in another dtype",
        "rules that split or stack; padding to a multiple; the file's checksum",
    ),
    "transposed": KnownCause(
        "a matrix stored input by output",
        "Conv1D of GPT-2 and its like; a square matrix gives no error of shapes",
    ),
    "expert-order": KnownCause(
        "experts stacked in another order",
        "sorted by name, 10 comes before 2",
    ),
    "rope-layout": KnownCause(
        "interleaved pairs for split halves, or rows permuted twice or not at all",
        "rotate_half and apply_rotary_pos_emb; CanonicalRope in weight_adapters.py, for q, k, their"
        " biases and their norms",
    ),
    "rope-theta": KnownCause(
        "another base of the frequencies",
        "rope_theta, rope_parameters; one base for local and another for global layers",
    ),
    "rope-scaling": KnownCause(
        "linear, dynamic, llama3, yarn or longrope scaling missed, or its attention factor",
        "rope_scaling or rope_parameters, and the length from which it changes",
    ),
    "rope-partial": KnownCause(
        "all columns of a head are rotated instead of some, or the other ones",
        "partial_rotary_factor, rotary_pct, rotary_dim",
    ),
    "rope-layers": KnownCause(
        "layers without RoPE get one, or the other way; the list says the opposite of its name",
        "no_rope_layers, no_rope_layer_interval, layer_types, and off by one in the period",
    ),
    "attention-scale": KnownCause(
        "scores are not divided by the square root of head_dim",
        "attention_multiplier, query_pre_attn_scalar, scale_attn_by_inverse_layer_idx",
    ),
    "qk-norm": KnownCause(
        "q and k are normed, and the port does not; over a head or all heads; before or after RoPE",
        "q_norm and k_norm: the shape of the weight, and the lines between them and the rotation",
    ),
    "attention-softcap": KnownCause(
        "attention scores are bounded by a tanh",
        "attn_logit_softcapping",
    ),
    "sinks": KnownCause(
        "a learned logit of each head takes part in the softmax, and stands for no token",
        "sinks in the attention's forward",
    ),
    "mask": KnownCause(
        "a mask of another shape: a prefix seen from both sides, ALiBi, blocks",
        "create_causal_mask and its siblings in the model's forward",
    ),
    "window": KnownCause(
        "a sliding window off by one, on the wrong layers, or none",
        "sliding_window, layer_types; the token itself counts in transformers",
    ),
    "cache-position": KnownCause(
        "decode writes or reads the cache at another position, or rotates by it",
        "the same tokens as one prefill: if that is right, the graph is and the cache is not",
    ),
    "cache-window": KnownCause(
        "the window counts otherwise in decode than in prefill",
        "lengths on both sides of the window, one token at a time",
    ),
    "ragged": KnownCause(
        "rows of a batch are mixed up: offsets, or the last token of another row",
        "each prompt alone, then together",
    ),
    "router-scores": KnownCause(
        "softmax for sigmoid, before for after the choice of the top k, or a capped router",
        "the router's forward",
    ),
    "router-norm": KnownCause(
        "the weights of the chosen experts are or are not made to sum to 1, or are scaled",
        "norm_topk_prob, routed_scaling_factor",
    ),
    "router-bias": KnownCause(
        "the correction of a router chooses experts, and does not weigh them",
        "e_score_correction_bias; n_group and topk_group, which limit the choice",
    ),
    "shared-experts": KnownCause(
        "an expert that every token uses is left out, or its gate is",
        "shared_expert, shared_expert_gate, n_shared_experts; the first layers may be dense",
    ),
    "tied-head": KnownCause(
        "the head shares the embedding, or does not, against the config",
        "tie_word_embeddings and its default in the config class; lm_head.weight among the tensors",
    ),
    "logit-scale": KnownCause(
        "logits are multiplied or divided",
        "logit_scale, logits_scaling, lm_head_multiplier, hidden_size over a base",
    ),
    "logit-softcap": KnownCause(
        "logits are bounded by a tanh",
        "final_logit_softcapping, and whether it comes before or after a scale",
    ),
    "final-norm": KnownCause(
        "the last norm is left out, or is another kind than the others",
        "the end of the model's forward",
    ),
    "vocabulary": KnownCause(
        "rows of padding in the embedding, or a vocabulary of another size than the head's",
        "vocab_size against the header of the embedding (./ports inspect)",
    ),
    "layer-pattern": KnownCause(
        "layers of two kinds alternate otherwise than the port has it",
        "layer_types, first_k_dense_replace, and whether layers count from 0 or 1",
    ),
    "rounding": KnownCause(
        "what the reference computes in float32 is rounded to bfloat16, or the order of a cast",
        "the same in float32 on both sides: if that agrees, it is rounding",
    ),
    "overflow": KnownCause(
        "a mask's smallest number, a softmax or a norm overflows",
        "the dtype; the first layer with a value that is no number",
    ),
    "unloaded": KnownCause(
        "tensors that no weight was loaded into",
        "what transformers says when it loads; ./ports weights",
    ),
    "reference": KnownCause(
        "the reference is wrong here: its class, its revision, its attention in this mode",
        "eager against sdpa; the class in config.json; the model card's own example",
    ),
    "tokenizer": KnownCause(
        "other tokens: a missing beginning of text, another template, another normalisation",
        "token ids on both sides, before any logit",
    ),
    "sampling": KnownCause(
        "the server samples: a default temperature or penalty of generation_config.json",
        "temperature 0 and no penalty on both sides",
    ),
}
