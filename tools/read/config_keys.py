# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a key of config.json means: a size, a difference in layers, another model, or nothing.

The table is by pattern, in order: the first row that matches a key says what it is. A key that no
row matches is unknown, and taken for a structural delta until the reference code shows otherwise.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DIMENSION, DELTA, MACRO, IGNORABLE = (
    "direct dimension",
    "structural delta",
    "macro change",
    "ignorable",
)


@dataclass(frozen=True)
class Meaning:
    """What keys mean.

    Attributes:
        kind: One of DIMENSION, DELTA, MACRO and IGNORABLE.
        destination: Where it goes in MAX and in a port, or why it goes nowhere.
        patterns: Names of keys, in the spelling of fnmatch.
    """

    kind: str
    destination: str
    patterns: tuple[str, ...]


def _row(kind: str, destination: str, patterns: str) -> Meaning:
    return Meaning(kind, destination, tuple(patterns.split()))


KEYS: tuple[Meaning, ...] = (
    # Nothing in a forward pass.
    _row(
        IGNORABLE,
        "identity of the checkpoint; architectures[0] is the name to register",
        "architectures model_type auto_map _name_or_path id2label label2id task_specific_params"
        " _num_labels transformers_weights",
    ),
    _row(
        IGNORABLE,
        "storage dtype; the encoding that is served decides",
        "dtype torch_dtype autocast_kernel_dtype inference_state_dtype",
    ),
    _row(
        IGNORABLE,
        "an option of the library, not of the model",
        "transformers_version return_dict output_attentions output_hidden_states is_decoder"
        " output_router_logits output_scores use_cache chunk_size_feed_forward"
        " problem_type use_mamba_kernels use_mem_eff_path use_*mambapy use_associative_scan"
        " num_logits_to_keep return_last_states summary_* init_device cache_implementation"
        " _attn_implementation pretraining_tp slow_but_exact reorder_and_upcast_attn"
        " attn_implementation use_flash_attention* use_long_context max_inference_chunksize",
    ),
    _row(
        IGNORABLE,
        "generation; MAX reads it from the tokenizer and the generation config",
        "?os_token_id eo?_token_id pad_token_id sep_token_id cls_token_id unk_token_id"
        " decoder_start_token_id forced_* suppress_tokens begin_suppress_tokens",
    ),
    _row(
        IGNORABLE,
        "training only",
        "*dropout *dropout_p *dropout_prob *_pdrop *drop_rate layerdrop gradient_checkpointing"
        " initializer_* init_* *_init"
        " *aux_loss* z_loss_coefficient *_jitter_noise *jitter_eps moe_loss_weight *_init_*"
        " embedding_initializer_range rescale_prenorm_residual classifier_* time_step_min"
        " time_step_max time_step_floor time_step_scale linear_a_log_* linear_dt_*",
    ),
    # Another model, or another graph around the blocks.
    _row(
        MACRO,
        "another graph: MAX's multimodal pipelines, or a port of the text model alone",
        "vision_* audio_* text_config thinker_config talker_config image_* video_* speech_*"
        " *_token_index mm_* projector_* *_tower*",
    ),
    _row(
        MACRO,
        "another graph: an encoder, cross-attention and its second cache",
        "is_encoder_decoder encoder_* decoder_layer* decoder_attention_*"
        " decoder_ffn_dim decoder_config add_cross_attention cross_attention_* cross_attn_*"
        " use_bidirectional_attention is_causal",
    ),
    _row(
        MACRO,
        "recurrent state beside the KV cache: max.nn.state_space, and its cache manager",
        "mamba_* ssm_* *_mamba_* state_size conv_* conv1d_* linear_* lru_width time_step_* mlstm_*"
        " rescale_every attn_layer_* layers_block_type block_types hybrid_* expand n_groups"
        " use_conv_bias chunk_size chunkwise_kernel sequence_kernel step_kernel gate_soft_cap"
        " add_out_norm qk_dim_factor v_dim_factor ffn_proj_factor weight_mode mode num_blocks"
        " *_alpha_factor *_beta_factor block_size mixer_rms_eps residual_in_fp32 rms_norm"
        " norm_reduction_force_float32 ffn_round_up_to_multiple_of attention_window_size"
        " short_conv_* sconv_* kda_* cca_*",
    ),
    _row(
        MACRO,
        "layers that share, repeat or patch: a decoder of its own, with its own cache",
        "num_kv_shared_layers altup_* laurel_* hidden_size_per_layer_input num_mem_blocks"
        " vocab_size_per_layer_input activation_sparsity_pattern use_shared_attention_adapter"
        " adapter_rank use_mem_rope H_cycles L_cycles L_bp_cycles num_layers_per_stack prefix_lm"
        " zero_expert_* patch_* patch* patching_* patcher_* max_patch_length global_config"
        " prompt_length prompt_types segment_types num_nextn_predict_layers *mtp_* n_predict"
        " loop_* n_*_loops n_recurrent_layers hc_*",
    ),
    # Differences in a layer.
    _row(
        DELTA,
        "quantised weights: an encoding of the port, and rules that unpack",
        "quantization_config compression_config",
    ),
    _row(
        DELTA,
        "latent attention: MAX's DeepSeek attention (max.nn.attention.multi_latent_attention)",
        "kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim qk_head_dim",
    ),
    _row(
        DELTA,
        "attention that is not softmax over all earlier keys: a kernel, or plain ops",
        "index_* attention_chunk_size sparse_* block_sparse* keep_window_size lambda_std_dev"
        " kv_channels alibi relative_attention_* position_bias_* position_buckets pos_att_type"
        " position_embedding_type attn_logit_softcapping is_moe",
    ),
    _row(
        DELTA,
        "rope: RopeParameters (common/config/rope.py) and CanonicalRope; a strategy to name",
        "rope_parameters rope_scaling rope_* partial_rotary_factor rotary_* learned_pos_emb"
        " no_rope_* *_nope original_max_position_embeddings scale_embedding_rope",
    ),
    _row(
        DELTA,
        "masks and windows: attention(window=...), by layer",
        "sliding_window* use_sliding_window layer_types max_window_layers attention_types"
        " attention_layers window_size local_attention* swa_* global_attn_*"
        " *_sliding_window_pattern is_sliding layer_switch",
    ),
    _row(
        DELTA,
        "biases: Linear(has_bias=...) of these projections, and their rows in the weight map",
        "*_bias bias *_biases no_bias enable_bias bias_* qkv_bias",
    ),
    _row(
        DELTA,
        "norms: which, where and with what (max.nn.norm; blocks in common/layers)",
        "*qk_norm* qk_layernorm* use_post_norm norm_type *_layer_norm*"
        " layer_norm_elementwise_affine _remove_final_layer_norm"
        " apply_residual_connection_post_layernorm num_ln_in_parallel_attn sandwich_norm",
    ),
    _row(
        DELTA,
        "mixture of experts: router, experts and which layers have them (max.nn.moe)",
        "num_experts* num_local_experts n_routed_experts n_shared_experts num_shared_experts moe_*"
        " *moe* *router* *expert* n_group topk_* norm_topk_prob routed_scaling_factor"
        " route_scale decoder_sparse_step mlp_only_layers mlp_layer_types first_k_dense_replace"
        " num_dense_layers scoring_func shared_intermediate_size prefix_dense_* score_func",
    ),
    _row(
        DELTA,
        "attention's scores: the scale argument, clipping, order of casts",
        "query_pre_attn_scalar attention_multiplier scale_attn* attention_softmax_in_fp32"
        " scale_attention_* clip_qkv attn_config attention_*_multiplier key_multiplier",
    ),
    _row(
        DELTA,
        "factors on embeddings, residuals and logits, and soft caps",
        "*_multiplier *_multipliers logit_scale logits_scaling *softcap* *soft_cap* scale_embedding"
        " embedding_scale scale_emb* scale_depth dim_model_base mup_* embedding_fraction scale_*",
    ),
    _row(
        DELTA,
        "wiring of the block: which residuals, which norms feed which branch",
        "use_parallel_residual parallel_attn multi_query new_decoder_architecture use_parallel_*"
        " ffn_config word_embed_proj_dim add_bias_linear use_gated_activation layer_norm_position",
    ),
    # Sizes.
    _row(
        DIMENSION,
        "hidden_size",
        "hidden_size n_embd d_model embedding_dim dim attention_hidden_size",
    ),
    _row(
        DIMENSION,
        "intermediate_size",
        "intermediate_size n_inner ffn_dim ffn_hidden_size expansion_ratio dff dim_ff"
        " intermediate_multiple_size",
    ),
    _row(
        DIMENSION,
        "num_hidden_layers; KVCacheParams.num_layers",
        "num_hidden_layers n_layer n_layers num_layers",
    ),
    _row(
        DIMENSION,
        "num_attention_heads",
        "num_attention_heads n_head n_heads num_heads attention_heads",
    ),
    _row(
        DIMENSION,
        "num_key_value_heads; KVCacheParams.n_kv_heads",
        "num_key_value_heads num_kv_heads kv_n_heads num_query_groups",
    ),
    _row(
        DIMENSION,
        "head_dim; KVCacheParams.head_dim",
        "head_dim dim_head attention_head_dim",
    ),
    _row(DIMENSION, "vocab_size; rows of the embedding", "vocab_size vocab_size_*"),
    _row(
        DIMENSION,
        "max_seq_len, unless --max-length is less",
        "max_position_embeddings n_positions n_ctx max_seq_len max_sequence_length context_length"
        " seq_length",
    ),
    _row(
        DIMENSION,
        "norm_eps",
        "*norm_eps *norm_epsilon eps *_rms_eps layer_norm_epsilon",
    ),
    _row(
        DIMENSION,
        "hidden_act of the MLP; gelu, gelu_new and gelu_pytorch_tanh are three functions",
        "hidden_act activation_function hidden_activation activation afn ffn_act_fn",
    ),
    _row(DIMENSION, "tie_word_embeddings: lm_head shares the embedding", "tie_word_embeddings"),
)

#: Of a key that no row matches.
UNKNOWN = Meaning(DELTA, "unknown; a structural delta until the reference shows otherwise", ())


@functools.lru_cache(maxsize=4096)
def meaning(key: str) -> Meaning:
    """Returns what a key means; UNKNOWN if nothing is known of it."""
    for row in KEYS:
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in row.patterns):
            return row
    return UNKNOWN


def without_effect(config: Mapping[str, Any], key: str) -> bool:
    """Whether a key's value says that what it stands for is not there: null, false, 0 or empty.

    A size is never without effect, nor a factor of 1, which a reader should see.
    """
    value = config[key]
    if value is True or meaning(key).kind == DIMENSION:
        return False
    if key in ("rope_parameters", "rope_scaling") and isinstance(value, dict):
        return set(value) <= {"rope_theta", "rope_type", "type"} and value.get(
            "rope_type", value.get("type", "default")
        ) in (None, "default")
    return not value
