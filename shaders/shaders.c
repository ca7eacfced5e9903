/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compiled shaders: SPIR-V, bindings, and the size of push constants. */
#include "owl2_shaders.h"
#include "owl2_pc.h"

#define SHADER(NAME, BINDINGS, PC)                                             \
  _Static_assert(sizeof (struct owl2_pc_##PC) <= 128,                          \
      "Vulkan promises no more than 128 bytes of push constants");             \
  const OvkShader owl2_shader_##NAME = { .name = #NAME,                        \
    .code = NAME##_code,                                                       \
    .code_bytes = sizeof (NAME##_code),                                        \
    .n_bindings = BINDINGS,                                                    \
    .push_bytes = sizeof (struct owl2_pc_##PC) }

static const guint32 add_code[] =
#include "add.spv.h"
    ;
SHADER (add, 3, add);

static const guint32 argmax_code[] =
#include "argmax.spv.h"
    ;
SHADER (argmax, 2, argmax);

static const guint32 attention_lanes_f16_code[] =
#include "attention_lanes_f16.spv.h"
    ;
SHADER (attention_lanes_f16, 4, attention);

static const guint32 attention_lanes_f32_code[] =
#include "attention_lanes_f32.spv.h"
    ;
SHADER (attention_lanes_f32, 4, attention);

static const guint32 attention_lanes_q8_0_code[] =
#include "attention_lanes_q8_0.spv.h"
    ;
SHADER (attention_lanes_q8_0, 4, attention);

static const guint32 attention_lanes_row_f16_code[] =
#include "attention_lanes_row_f16.spv.h"
    ;
SHADER (attention_lanes_row_f16, 4, attention);

static const guint32 attention_lanes_row_f32_code[] =
#include "attention_lanes_row_f32.spv.h"
    ;
SHADER (attention_lanes_row_f32, 4, attention);

static const guint32 attention_lanes_row_q8_0_code[] =
#include "attention_lanes_row_q8_0.spv.h"
    ;
SHADER (attention_lanes_row_q8_0, 4, attention);

static const guint32 attention_lanes_shuffle_f16_code[] =
#include "attention_lanes_shuffle_f16.spv.h"
    ;
SHADER (attention_lanes_shuffle_f16, 4, attention);

static const guint32 attention_lanes_shuffle_f32_code[] =
#include "attention_lanes_shuffle_f32.spv.h"
    ;
SHADER (attention_lanes_shuffle_f32, 4, attention);

static const guint32 attention_lanes_shuffle_q8_0_code[] =
#include "attention_lanes_shuffle_q8_0.spv.h"
    ;
SHADER (attention_lanes_shuffle_q8_0, 4, attention);

static const guint32 attention_probs_f16_code[] =
#include "attention_probs_f16.spv.h"
    ;
SHADER (attention_probs_f16, 3, attention);

static const guint32 attention_probs_f32_code[] =
#include "attention_probs_f32.spv.h"
    ;
SHADER (attention_probs_f32, 3, attention);

static const guint32 attention_probs_q8_0_code[] =
#include "attention_probs_q8_0.spv.h"
    ;
SHADER (attention_probs_q8_0, 3, attention);

static const guint32 attention_row_f16_code[] =
#include "attention_row_f16.spv.h"
    ;
SHADER (attention_row_f16, 4, attention);

static const guint32 attention_row_f32_code[] =
#include "attention_row_f32.spv.h"
    ;
SHADER (attention_row_f32, 4, attention);

static const guint32 attention_row_q8_0_code[] =
#include "attention_row_q8_0.spv.h"
    ;
SHADER (attention_row_q8_0, 4, attention);

static const guint32 attention_tile_f16_code[] =
#include "attention_tile_f16.spv.h"
    ;
SHADER (attention_tile_f16, 4, attention);

static const guint32 attention_tile_f32_code[] =
#include "attention_tile_f32.spv.h"
    ;
SHADER (attention_tile_f32, 4, attention);

static const guint32 attention_tile_q8_0_code[] =
#include "attention_tile_q8_0.spv.h"
    ;
SHADER (attention_tile_q8_0, 4, attention);

static const guint32 copy_code[] =
#include "copy.spv.h"
    ;
SHADER (copy, 2, copy);

static const guint32 embed_f16_code[] =
#include "embed_f16.spv.h"
    ;
SHADER (embed_f16, 3, embed);

static const guint32 embed_f32_code[] =
#include "embed_f32.spv.h"
    ;
SHADER (embed_f32, 3, embed);

static const guint32 embed_q4_k_code[] =
#include "embed_q4_k.spv.h"
    ;
SHADER (embed_q4_k, 3, embed);

static const guint32 embed_q8_0_code[] =
#include "embed_q8_0.spv.h"
    ;
SHADER (embed_q8_0, 3, embed);

static const guint32 kv_store_f16_code[] =
#include "kv_store_f16.spv.h"
    ;
SHADER (kv_store_f16, 2, kv_store);

static const guint32 kv_store_f32_code[] =
#include "kv_store_f32.spv.h"
    ;
SHADER (kv_store_f32, 2, kv_store);

static const guint32 kv_store_q8_0_code[] =
#include "kv_store_q8_0.spv.h"
    ;
SHADER (kv_store_q8_0, 2, kv_store);

static const guint32 layernorm_code[] =
#include "layernorm.spv.h"
    ;
SHADER (layernorm, 4, layernorm);

static const guint32 matmul_lanes_f16_code[] =
#include "matmul_lanes_f16.spv.h"
    ;
SHADER (matmul_lanes_f16, 5, matmul);

static const guint32 matmul_lanes_f32_code[] =
#include "matmul_lanes_f32.spv.h"
    ;
SHADER (matmul_lanes_f32, 5, matmul);

static const guint32 matmul_lanes_q4_k_code[] =
#include "matmul_lanes_q4_k.spv.h"
    ;
SHADER (matmul_lanes_q4_k, 5, matmul);

static const guint32 matmul_lanes_q8_0_code[] =
#include "matmul_lanes_q8_0.spv.h"
    ;
SHADER (matmul_lanes_q8_0, 5, matmul);

static const guint32 matmul_lanes_shuffle_f16_code[] =
#include "matmul_lanes_shuffle_f16.spv.h"
    ;
SHADER (matmul_lanes_shuffle_f16, 5, matmul);

static const guint32 matmul_lanes_shuffle_f32_code[] =
#include "matmul_lanes_shuffle_f32.spv.h"
    ;
SHADER (matmul_lanes_shuffle_f32, 5, matmul);

static const guint32 matmul_lanes_shuffle_q4_k_code[] =
#include "matmul_lanes_shuffle_q4_k.spv.h"
    ;
SHADER (matmul_lanes_shuffle_q4_k, 5, matmul);

static const guint32 matmul_lanes_shuffle_q8_0_code[] =
#include "matmul_lanes_shuffle_q8_0.spv.h"
    ;
SHADER (matmul_lanes_shuffle_q8_0, 5, matmul);

static const guint32 matmul_mv_f16_code[] =
#include "matmul_mv_f16.spv.h"
    ;
SHADER (matmul_mv_f16, 5, matmul);

static const guint32 matmul_mv_f32_code[] =
#include "matmul_mv_f32.spv.h"
    ;
SHADER (matmul_mv_f32, 5, matmul);

static const guint32 matmul_mv_q4_k_code[] =
#include "matmul_mv_q4_k.spv.h"
    ;
SHADER (matmul_mv_q4_k, 5, matmul);

static const guint32 matmul_mv_q8_0_code[] =
#include "matmul_mv_q8_0.spv.h"
    ;
SHADER (matmul_mv_q8_0, 5, matmul);

static const guint32 matmul_tile_f16_code[] =
#include "matmul_tile_f16.spv.h"
    ;
SHADER (matmul_tile_f16, 5, matmul);

static const guint32 matmul_tile_f32_code[] =
#include "matmul_tile_f32.spv.h"
    ;
SHADER (matmul_tile_f32, 5, matmul);

static const guint32 matmul_tile_q4_k_code[] =
#include "matmul_tile_q4_k.spv.h"
    ;
SHADER (matmul_tile_q4_k, 5, matmul);

static const guint32 matmul_tile_q8_0_code[] =
#include "matmul_tile_q8_0.spv.h"
    ;
SHADER (matmul_tile_q8_0, 5, matmul);

static const guint32 patchify_code[] =
#include "patchify.spv.h"
    ;
SHADER (patchify, 3, patchify);

static const guint32 resize_code[] =
#include "resize.spv.h"
    ;
SHADER (resize, 3, resize);

static const guint32 rmsnorm_code[] =
#include "rmsnorm.spv.h"
    ;
SHADER (rmsnorm, 5, rmsnorm);

static const guint32 rope_code[] =
#include "rope.spv.h"
    ;
SHADER (rope, 2, rope);

static const guint32 swiglu_code[] =
#include "swiglu.spv.h"
    ;
SHADER (swiglu, 3, swiglu);
