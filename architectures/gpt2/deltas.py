# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How GPT-2 differs, and the checkpoints that show it."""

from typing import Any

from common.declaration import GGUF, Delta, Fixture, Port, WithWeights, deltas, harmless, without
from common.declaration.witnesses import interleaved_qkv, transposed

RELEASED, UNSCALED = "released", "untied_unscaled_by_layer"
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
    gguf=GGUF(moved={".attn.bias": None, **dict.fromkeys(CONV1D, transposed), "masked_bias": None}),
    fixtures=(
        Fixture(
            RELEASED,
            {},
            {"n_ctx": 512, **dict.fromkeys(("n_inner", "scale_attn_weights"))},
            stored=_released,
            hunted=True,
        ),
        Fixture(
            UNSCALED,
            {
                **{"max_position_embeddings": 521, "n_inner": 192, "tie_word_embeddings": False},
                **{"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True},
                **{"activation_function": "gelu", "reorder_and_upcast_attn": True},
            },
            {"n_embd": None, "hidden_size": 128, "predict_special_tokens": True},
        ),
    ),
    harmless={"GPT2Block.forward": "no rotation", **harmless.NO_REPEAT},
    deltas=(
        Delta("learned positions", "GPT2Model.forward, GPT2Model.__init__", without("wpe.weight")),
        Delta("Conv1D", "GPT2Attention.__init__", WithWeights(("attn.c_proj.weight",), transposed)),
        Delta(
            "fused QKV, concatenated",
            "GPT2Attention.forward",
            WithWeights(("c_attn.weight", "c_attn.bias"), interleaved_qkv),
        ),
        Delta("unscaled QK", "GPT2Attention.__init__", {"scale_attn_weights": True}),
        Delta("layer scale", "GPT2Attention.__init__", {"scale_attn_by_inverse_layer_idx": False}),
        *deltas.LAYER_NORM,
        deltas.ATTENTION_BIASES,
        deltas.MLP_BIASES,
        Delta("MLP with GELU", "GPT2MLP.forward", {"activation_function": "relu"}),
        deltas.TIED_HEAD,
    ),
)
