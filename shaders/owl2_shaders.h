/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compiled shaders, named as their files; _f16, _f32 ..: type of weights, or
 * of keys and values. */
#ifndef OWL2_SHADERS_H
#define OWL2_SHADERS_H

#include "ovk.h"

extern const OvkShader owl2_shader_add;
extern const OvkShader owl2_shader_argmax;
extern const OvkShader owl2_shader_attention_lanes_f16;
extern const OvkShader owl2_shader_attention_lanes_f32;
extern const OvkShader owl2_shader_attention_lanes_q8_0;
extern const OvkShader owl2_shader_attention_lanes_row_f16;
extern const OvkShader owl2_shader_attention_lanes_row_f32;
extern const OvkShader owl2_shader_attention_lanes_row_q8_0;
extern const OvkShader owl2_shader_attention_lanes_shuffle_f16;
extern const OvkShader owl2_shader_attention_lanes_shuffle_f32;
extern const OvkShader owl2_shader_attention_lanes_shuffle_q8_0;
extern const OvkShader owl2_shader_attention_probs_f16;
extern const OvkShader owl2_shader_attention_probs_f32;
extern const OvkShader owl2_shader_attention_probs_q8_0;
extern const OvkShader owl2_shader_attention_row_f16;
extern const OvkShader owl2_shader_attention_row_f32;
extern const OvkShader owl2_shader_attention_row_q8_0;
extern const OvkShader owl2_shader_attention_tile_f16;
extern const OvkShader owl2_shader_attention_tile_f32;
extern const OvkShader owl2_shader_attention_tile_q8_0;
extern const OvkShader owl2_shader_copy;
extern const OvkShader owl2_shader_embed_f16;
extern const OvkShader owl2_shader_embed_f32;
extern const OvkShader owl2_shader_embed_q4_k;
extern const OvkShader owl2_shader_embed_q8_0;
extern const OvkShader owl2_shader_kv_store_f16;
extern const OvkShader owl2_shader_kv_store_f32;
extern const OvkShader owl2_shader_kv_store_q8_0;
extern const OvkShader owl2_shader_layernorm;
extern const OvkShader owl2_shader_matmul_lanes_f16;
extern const OvkShader owl2_shader_matmul_lanes_f32;
extern const OvkShader owl2_shader_matmul_lanes_q4_k;
extern const OvkShader owl2_shader_matmul_lanes_q8_0;
extern const OvkShader owl2_shader_matmul_lanes_shuffle_f16;
extern const OvkShader owl2_shader_matmul_lanes_shuffle_f32;
extern const OvkShader owl2_shader_matmul_lanes_shuffle_q4_k;
extern const OvkShader owl2_shader_matmul_lanes_shuffle_q8_0;
extern const OvkShader owl2_shader_matmul_mv_f16;
extern const OvkShader owl2_shader_matmul_mv_f32;
extern const OvkShader owl2_shader_matmul_mv_q4_k;
extern const OvkShader owl2_shader_matmul_mv_q8_0;
extern const OvkShader owl2_shader_matmul_tile_f16;
extern const OvkShader owl2_shader_matmul_tile_f32;
extern const OvkShader owl2_shader_matmul_tile_q4_k;
extern const OvkShader owl2_shader_matmul_tile_q8_0;
extern const OvkShader owl2_shader_patchify;
extern const OvkShader owl2_shader_resize;
extern const OvkShader owl2_shader_rmsnorm;
extern const OvkShader owl2_shader_rope;
extern const OvkShader owl2_shader_swiglu;

#endif
