# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""How GPT-2 differs, and the checkpoints that show it."""

from typing import Any

from common.testing.converters import GGUF
from common.testing.declare import Delta, Fixture, Port, WithConfig, WithWeights
from common.testing.witnesses import interleaved_qkv, layer_norms, off, without

ODD = ("untied_unscaled_by_layer",)
MASKS = (".attn.bias", ".attn.masked_bias")
CONV1D = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")


def _released(tensors: dict[str, Any]) -> dict[str, Any]:
    # As openai-community/gpt2 and files of that age: no prefix, and masks as buffers.
    found = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    like = found["wte.weight"]
    for i in range(4):
        found[f"h.{i}.attn.bias"] = like.new_ones(1, 1, 512, 512).tril()
        found[f"h.{i}.attn.masked_bias"] = like.new_tensor(-1e4)
    return found


PORT = Port(
    model_type="gpt2",
    class_name="GPT2LMHeadModel",
    # GPT2Model of llama.cpp leaves masks out and transposes Conv1D.
    gguf=GGUF(moved={**dict.fromkeys(MASKS), **dict.fromkeys(CONV1D, lambda w, config: w.T)}),
    fixtures=(
        Fixture(
            "released",
            {"layer_norm_epsilon": 1e-3},
            {"n_ctx": 512, **dict.fromkeys(("n_inner", "scale_attn_weights"))},
            stored=_released,
        ),
        Fixture(
            ODD[0],
            {
                **{"num_attention_heads": 8, "max_position_embeddings": 521, "n_inner": 192},
                **{"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True},
                **{"activation_function": "gelu", "reorder_and_upcast_attn": True},
                "tie_word_embeddings": False,
            },
            {"n_embd": None, "hidden_size": 128, "predict_special_tokens": True},
        ),
    ),
    deltas=(
        Delta("learned positions", "modeling_gpt2.py:585", without("wpe.weight")),
        Delta(
            "Conv1D", "modeling_gpt2.py:107", WithWeights(("attn.c_proj.weight",), lambda w: w.T)
        ),
        Delta(
            "fused QKV, concatenated",
            "modeling_gpt2.py:185",
            WithWeights(("c_attn.weight", "c_attn.bias"), interleaved_qkv),
        ),
        Delta("unscaled QK", "modeling_gpt2.py:96", WithConfig({"scale_attn_weights": True}), ODD),
        Delta(
            "scores divided by the layer's number",
            "modeling_gpt2.py:100",
            off("scale_attn_by_inverse_layer_idx"),
            ODD,
        ),
        *layer_norms("modeling_gpt2.py:252", "ln_1.bias", "ln_2.bias", "ln_f.bias"),
        Delta(
            "attention biases", "modeling_gpt2.py:106", without("c_attn.bias", "attn.c_proj.bias")
        ),
        Delta("MLP biases", "modeling_gpt2.py:233", without("c_fc.bias", "mlp.c_proj.bias")),
        Delta("MLP with GELU", "modeling_gpt2.py:235", WithConfig({"activation_function": "relu"})),
        Delta("tied head", "modeling_gpt2.py:646", off("tie_word_embeddings"), ("released",)),
    ),
)
