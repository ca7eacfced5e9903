/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Push constants and specialization constants of every shader, read by glslc
 * (with OWL2_GLSL) and by the C compiler. 4-byte scalars only, so that std430
 * and the C ABI agree without padding.
 *
 * Offsets and strides count elements of the tensor. An offset leads from the
 * start of the binding to element 0, since bindings start at aligned places
 * and views may not. */
#ifndef OWL2_PC_H
#define OWL2_PC_H

#ifdef OWL2_GLSL
#  define u32 uint
#  define i32 int
#  define f32 float
#else
#  include <stdint.h>
typedef uint32_t u32;
typedef int32_t i32;
typedef float f32;
#endif

/* ---- the table of rows ------------------------------------------------ */

/* A row of activations in a pass of the decoder, see engine/model/pass.h. */
struct owl2_pass_row {
  u32 source;   /* a token's id, OWL2_ROW_RESULT + i, or OWL2_ROW_GIVEN */
  u32 modality; /* 0 language, 1 vision */
  u32 position; /* in its sequence: it sees keys 0 .. position */
  u32 kv_row;   /* where its keys go: page * OWL2_PAGE + position % OWL2_PAGE */
  u32 pages;    /* index of its sequence's first page in the list of pages */
  u32 result;   /* entry that its argmax writes, where its logits are wanted */
  u32 ban;      /* id that can't win there, or OWL2_ROW_NO_BAN */
  u32 pad;
};

#define OWL2_ROW_RESULT 0x80000000u /* the id in entry i of the results */
#define OWL2_ROW_GIVEN 0xffffffffu  /* the row is there already */
#define OWL2_ROW_NO_BAN 0xffffffffu

/* Positions in a page of keys or values. */
#define OWL2_PAGE 64

/* What the sampler needs of one row of logits: an entry of the results. */
struct owl2_result {
  u32 id;          /* first largest, but for the one that is banned */
  f32 max;         /* its logit */
  f32 log_sum_exp; /* of all logits */
  u32 n_bad;       /* logits that are NaN or infinite */
};

/* A token whose probability after a row is wanted. */
struct owl2_pick {
  u32 row; /* of the logits */
  u32 id;
};

/* What it is made of: log p = logit - max - log (sum). */
struct owl2_likelihood {
  f32 logit; /* of the token */
  f32 max;   /* of the row's logits */
  f32 sum;   /* of exp (logit - max) over them */
  u32 n_bad; /* logits that are NaN or infinite, which take no part */
};

/* ---- constants of the shaders ----------------------------------------- */

/* constant_id 0 of every shader: invocations in a workgroup, a power of two */
#define OWL2_SC_WORKGROUP 0
/* constant_id 1 of most: all rows start at, and are, whole vec4s */
#define OWL2_SC_VEC4 1

/* matmul_*.comp */
#define OWL2_SC_MATMUL_TILE_M 2 /* rows of out that one workgroup computes */
#define OWL2_SC_MATMUL_TILE_N 3 /* columns of out, likewise */
/* matmul_mv_wide: invocations of a subgroup, at most of the workgroup */
#define OWL2_SC_MATMUL_SUBGROUP 4
/* matmul_mv_wide: much is loaded ahead, and loops are unrolled; for GPUs, as
 * drivers that compile for a CPU take seconds for it */
#define OWL2_SC_MATMUL_EAGER 5
#define OWL2_SC_MATMUL_COUNT 6
/* matmul_matrix.comp, in place of these two */
#define OWL2_SC_MATRIX_M 4 /* rows of a and of the result of one operation */
#define OWL2_SC_MATRIX_N 5
#define OWL2_SC_MATRIX_K 6      /* columns of a; divides the slice */
#define OWL2_SC_MATRIX_SUBS_M 7 /* subgroups to the rows of a tile */
#define OWL2_SC_MATRIX_SUBS_N 8
#define OWL2_SC_MATRIX_COUNT 9
#define OWL2_MATRIX_SLICE 32 /* columns in shared memory */

/* What follows the sum, in owl2_pc_matmul.then. Not specialization constants:
 * asked once per element of out they cost nothing, and a driver that compiles
 * for a CPU takes a third of a second for each pipeline. */
#define OWL2_MATMUL_BIAS 1
#define OWL2_MATMUL_QUICK_GELU 2
#define OWL2_MATMUL_RESIDUAL 4

struct owl2_pc_matmul {
  u32 m;    /* rows of x and out */
  u32 n;    /* rows of w, columns of out */
  u32 k;    /* columns of x and w */
  u32 then; /* OWL2_MATMUL_*, added up */
  u32 x_offset;
  u32 x_stride;
  u32 w_offset; /* a multiple of 16 bytes, as is the stride */
  u32 w_stride;
  u32 b_offset;
  u32 r_offset;
  u32 r_stride;
  u32 o_offset;
  u32 o_stride;
};

/* matmul_halves.comp */
struct owl2_pc_matmul_halves {
  u32 rows;
  u32 cols;
  u32 x_offset;
  u32 x_stride;
  u32 units;    /* of eight halves, in a row */
  u32 s_offset; /* scales, in words from the start of the halves */
};

/* layernorm.comp */
struct owl2_pc_layernorm {
  u32 rows;
  u32 cols;
  u32 x_offset;
  u32 x_stride;
  u32 w_offset;
  u32 b_offset;
  u32 o_offset;
  u32 o_stride;
  f32 eps;
};

/* rmsnorm.comp */
#define OWL2_SC_RMSNORM_MODALITY 2 /* the weight is picked by row */

struct owl2_pc_rmsnorm {
  u32 rows;
  u32 cols;
  u32 x_offset;
  u32 x_stride;
  u32 w0_offset; /* language */
  u32 w1_offset; /* vision */
  u32 r_offset;  /* row 0, in the table */
  u32 o_offset;
  u32 o_stride;
  f32 eps;
};

/* attention_*.comp */
#define OWL2_SC_ATTENTION_HEAD_DIM 2
#define OWL2_SC_ATTENTION_QUERIES 3 /* of a lane */

struct owl2_pc_attention {
  u32 n_q;
  u32 n_k;   /* linear: all are seen; probabilities: columns */
  u32 n_heads;
  u32 group; /* query heads to one K/V head */
  u32 q_head_stride;
  u32 kv_head_stride;
  u32 kv_page_stride;
  u32 q_offset;
  u32 q_stride;
  u32 k_offset;
  u32 k_stride;
  u32 v_offset;
  u32 v_stride;
  u32 o_offset;
  u32 o_stride;
  u32 r_offset; /* row 0, in the table of rows */
  u32 p_offset; /* page 0 of the list, in words */
  u32 row0;     /* probabilities: first row of this piece */
  u32 rows;     /* probabilities: rows of this piece */
  u32 n_parts;  /* split: of the keys that a query may have */
  u32 s_offset; /* split: part 0 of query 0 */
  f32 scale;
};

/* attention_join.comp */
struct owl2_pc_attention_join {
  u32 n_q;
  u32 n_heads;
  u32 head_dim;
  u32 part; /* keys of a part */
  u32 n_parts;
  u32 s_offset;
  u32 o_offset;
  u32 o_stride;
  u32 r_offset; /* row 0, in the table of rows */
};

/* mean_heads.comp */
struct owl2_pc_mean_heads {
  u32 rows; /* of out */
  u32 cols;
  u32 n_heads;
  u32 add; /* 0: what is in out does not count */
  u32 x_offset;
  u32 x_stride;
  u32 o_offset;
  u32 o_stride;
  f32 scale;
};

/* swiglu.comp */
struct owl2_pc_swiglu {
  u32 rows;
  u32 cols;
  u32 g_offset;
  u32 g_stride;
  u32 u_offset;
  u32 u_stride;
  u32 o_offset;
  u32 o_stride;
};

/* add.comp */
struct owl2_pc_add {
  u32 rows;
  u32 cols;
  u32 row0; /* of a, for the row of b */
  u32 a_offset;
  u32 a_stride;
  u32 b_offset;
  u32 b_stride;
  u32 b_rows;
  u32 o_offset;
  u32 o_stride;
};

/* copy.comp */
struct owl2_pc_copy {
  u32 rows;
  u32 cols;
  u32 s_offset;
  u32 s_stride;
  u32 d_offset;
  u32 d_stride;
};

/* fma_chain.comp */
#define OWL2_FMA_CHAIN_STEPS 16 /* steps are a multiple of this */

struct owl2_pc_fma_chain {
  u32 cols;
  u32 steps;
  f32 a;
  f32 b;
  u32 x_offset;
  u32 o_offset;
};

/* place_qkv.comp; of pages words, else elements */
struct owl2_pc_place_qkv {
  u32 rows;
  u32 n_heads;
  u32 n_kv_heads;
  u32 head_dim;
  u32 s_offset;
  u32 s_stride;
  u32 t_offset;
  u32 t_stride;
  u32 r_offset; /* row 0, in the table of rows */
  u32 q_offset;
  u32 q_stride;
  u32 k_offset;
  u32 v_offset;
  u32 kv_stride;
};

/* embed.comp */
struct owl2_pc_embed {
  u32 rows; /* of out */
  u32 cols;
  u32 r_offset; /* row 0, in the table of rows */
  u32 e_offset; /* entry 0 of the results */
  u32 t_row0;   /* row of the table that the binding starts */
  u32 t_rows;   /* rows of the table in the binding */
  u32 t_offset;
  u32 t_stride;
  u32 o_offset;
  u32 o_stride;
};

/* argmax.comp */
#define OWL2_SC_ARGMAX_JOIN 2

struct owl2_pc_argmax {
  u32 rows;
  u32 n;        /* logits of a row */
  u32 part;     /* logits of a workgroup */
  u32 n_parts;  /* of a row */
  u32 part0;    /* of this piece */
  u32 n_here;   /* parts of this piece */
  u32 l_offset; /* the piece's first logit */
  u32 l_stride;
  u32 r_offset; /* row 0, in the table of rows */
  u32 e_offset; /* entry 0 of the results */
  u32 p_offset; /* part 0 of row 0, in words */
};

/* likelihood.comp */
struct owl2_pc_likelihood {
  u32 rows;
  u32 n;    /* logits of a row */
  u32 row0; /* number of the first row */
  u32 n_picks;
  u32 l_offset;
  u32 l_stride;
  u32 p_offset; /* pick 0, in picks */
  u32 o_offset; /* likelihood 0, in likelihoods */
};

/* count_bad.comp */
struct owl2_pc_count_bad {
  u32 rows;
  u32 cols;
  u32 x_offset;
  u32 x_stride;
  u32 c_offset; /* the count, in words */
};

/* pooled_dots.comp */
struct owl2_pc_pooled_dots {
  u32 rows;
  u32 cols;
  u32 x_offset;
  u32 x_stride;
  u32 y_offset;
  u32 y_stride;
  u32 d_offset; /* the three results, in words */
};

/* resize.comp */
#define OWL2_SC_RESIZE_RGB 2 /* src is packed bytes, else words */
#define OWL2_SC_RESIZE_VERTICAL 3
/* Words before the weights of an output of a filter: the first pixel and the
 * count of those that it has weights for, and the sum of its weights for pixels
 * that are not there, which have this colour. */
#define OWL2_FILTER_HEAD 3
#define OWL2_PAD_R 122
#define OWL2_PAD_G 116
#define OWL2_PAD_B 104

struct owl2_pc_resize {
  u32 cols; /* of dst */
  u32 rows;
  u32 taps;
  u32 filter0;  /* vertical: first row in the filter's output */
  u32 s_offset; /* bytes if RGB, else words */
  u32 s_stride; /* likewise */
  u32 d_offset; /* words */
  u32 f_offset; /* words */
};

/* resize_lanes.comp */
#define OWL2_SC_RESIZE_WINDOW 2
#define OWL2_SC_RESIZE_DOWN 3
/* Words of a step: weights of four pixels for each open output, the first of
 * these, whether it is done, where the pixels are, in fours, and if it is done
 * its weight of pixels that are not there. */
#define OWL2_RESIZE_STEP 24
#define OWL2_RESIZE_OPEN 5

struct owl2_pc_resize_lanes {
  u32 cols;     /* of dst */
  u32 rows;     /* of dst and of the square */
  u32 src_rows; /* of the picture */
  u32 n_steps;
  u32 taps;     /* of the stretch */
  u32 s_offset; /* words */
  u32 s_stride; /* words */
  u32 f_offset; /* words */
  u32 t_offset; /* words: steps */
  u32 d_offset; /* words */
};

/* resize_along.comp */
#define OWL2_ALONG_ROWS 4 /* of an invocation */
/* Words of a step, for a pixel of the square: weights of four pixels of the
 * picture, its own for each open output, the first of these, flags. */
#define OWL2_ALONG_STEP 16
#define OWL2_ALONG_DONE 1 /* that output is done */
#define OWL2_ALONG_LAST 2 /* the next step needs another pixel */

struct owl2_pc_resize_along {
  u32 cols;     /* of dst */
  u32 rows;     /* of all */
  u32 groups;   /* fours of pixels in a row of the picture */
  u32 s_offset; /* words */
  u32 s_stride; /* words */
  u32 t_offset; /* words: steps */
  u32 d_offset; /* words */
};

/* to_rgb.comp, in owl2_pc_to_rgb.flags */
#define OWL2_TO_RGB_YUV 1
#define OWL2_TO_RGB_COSITED_H 2
#define OWL2_TO_RGB_COSITED_V 4

struct owl2_pc_to_rgb {
  u32 width;
  u32 height;
  u32 flags;
  u32 h_shift; /* 1 where the second and third component are at half of the */
  u32 v_shift; /* width and height, else 0 */
  u32 offset0; /* bytes */
  u32 offset1;
  u32 offset2;
  u32 stride0;
  u32 stride1; /* of the second and third component */
  u32 step0;
  u32 step1;
  i32 y; /* 256 times a factor */
  i32 rv;
  i32 gu;
  i32 gv;
  i32 bu;
  u32 d_offset; /* words */
  u32 d_stride; /* words */
};

/* turn.comp */
struct owl2_pc_turn {
  u32 width; /* of dst */
  u32 height;
  u32 s_offset; /* bytes: of the upper left pixel of dst */
  u32 right; /* bytes of src from a pixel of dst to the next, wrapping around */
  u32 down;
  u32 d_offset; /* words */
  u32 d_stride; /* words */
};

/* patchify.comp */
struct owl2_pc_patchify {
  u32 grid; /* patches in a row */
  u32 edge; /* pixels of a patch's edge */
  u32 size; /* words in a row of src */
  u32 row0; /* first patch of this piece */
  u32 rows;
  u32 s_offset; /* words */
  u32 l_offset;
  u32 o_offset;
  u32 o_stride;
};

#endif
