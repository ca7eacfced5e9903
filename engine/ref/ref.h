/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations in plain C: obvious loops, double sums, packed matrices, and
 * nothing shared with the shaders.
 *
 * Beside the result most give, per element, @mag: the sum of the magnitudes
 * that were added up, carried through what follows. A float computation of
 * the same formula is off by a few units of rounding times this, the better
 * the shorter its chains of additions; results that cancel to near zero are
 * thereby judged by what they were made of. */
#ifndef OWL2_REF_H
#define OWL2_REF_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

float ref_half_to_float (uint16_t half);
uint16_t ref_half_from_float (float value); /* to nearest, ties to even */

/* x [m][k], w [n][k], bias [n] or NULL, residual [m][n] or NULL, out [m][n] */
void ref_matmul (double *out, double *mag, const float *x, const float *w,
    const float *bias, int quick_gelu, const float *residual, size_t m,
    size_t n, size_t k);
/* Units of FLT_EPSILON that a float computation may be off by, times mag. */
double ref_matmul_units (size_t k);
/* What products of halves may be off by besides, as matmul_halves.comp makes
 * them of x, added to @mag for @units of it. @exact: x is of halves already;
 * @w_halves: w is */
void ref_matmul_add_halves (double *mag, double units, const float *x,
    const float *w, int exact, int w_halves, int quick_gelu, size_t m, size_t n,
    size_t k);

double ref_norm_units (size_t cols); /* of the next two */
void ref_layernorm (double *out, double *mag, const float *x, const float *w,
    const float *b, size_t rows, size_t cols, double eps);
/* modality: per row 0: w0, else w1; NULL: w0 */
void ref_rmsnorm (double *out, double *mag, const float *x, const float *w0,
    const float *w1, const uint32_t *modality, size_t rows, size_t cols,
    double eps);

/* Rows [(n_heads + 2 n_kv_heads) * head_dim]: queries, keys, values where
 * modality is 0, else keys, values, queries. q [rows][n_heads * head_dim] and k
 * [rows][n_kv_heads * head_dim] are rotated by table [..][head_dim], which is
 * from position 0 on; v as it is. */
typedef struct {
  const float *qkv, *table;
  const uint32_t *modality, *positions; /* of each row */
  size_t rows, n_heads, n_kv_heads, head_dim;
} RefPlace;
#define REF_ROTATION_UNITS 1.5 /* two products, one sum */
void ref_place_qkv (double *q, double *q_mag, double *k, double *k_mag,
    float *v, const RefPlace *p);
/* The exact angles: cos and sin of pos * base^(-2 i / head_dim). */
void ref_rope_table (double *table, size_t n_pos, size_t head_dim, double base);

/* In pages (pages not NULL): query i sees keys 0 .. positions[i], of which key
 * j is in page pages[lists[i] + j / 64]; k and v are [page][kv
 * head][64][head_dim]. Else it sees all n_k. */
typedef struct {
  const float *q, *k, *v; /* rows of q_cols and kv_cols */
  size_t q_cols, k_cols, v_cols;
  size_t n_q, n_k, n_heads, n_kv_heads, head_dim;
  size_t q_head_stride, kv_head_stride;
  const uint32_t *positions, *lists, *pages;
  double scale;
} RefAttention;
/* out [n_q][n_heads * head_dim]; probs [n_heads][n_q][n_k]. Either may be
 * NULL. score_mag: per (head, query) the largest sum of |q k| * scale. */
void ref_attention (double *out, double *mag, double *probs, double *score_mag,
    const RefAttention *a);
/* Units of a result of @n_k keys, given the largest @score_mag. */
double ref_softmax_units (size_t head_dim, size_t n_k, double score_mag);

/* x after @steps times x = x a + b. mag: what the errors of all steps, each of
 * two roundings, have grown to. */
void ref_fma_chain (double *out, double *mag, const float *x, size_t n,
    size_t steps, double a, double b);

/* exp() to 3 + 2 |x| units (in mag), an add, a divide of 2.5 units, a
 * multiplication. */
#define REF_SWIGLU_UNITS 8.0
void ref_swiglu (
    double *out, double *mag, const float *gate, const float *up, size_t n);

/* out [rows][cols] = scale * sum over h of x [n_heads][rows][cols], plus
 * @before [rows][cols] unless that is NULL. */
double ref_mean_heads_units (size_t n_heads);
void ref_mean_heads (double *out, double *mag, const float *x,
    const float *before, size_t n_heads, size_t rows, size_t cols,
    double scale);

/* First largest of the finite ones but for the one that is banned; the log of
 * all finite ones' summed exponentials. */
void ref_argmax (uint32_t *id, double *max, double *log_sum_exp,
    uint32_t *n_bad, const float *logits, size_t n, uint32_t ban);
/* By how much the last may be off. */
double ref_log_sum_exp_limit (size_t n, double log_sum_exp);

/* The log of token @id's probability by the finite ones. */
double ref_log_probability (const float *logits, size_t n, uint32_t id);
/* The sum's relative error is the logarithm's absolute one, whatever the number
 * of logits: exp() of two units, of its differences of half a unit of what they
 * are, at most 4 where the sum has anything to lose, an addition whose loss is
 * kept, and 10 of a workgroup. */
#define REF_LOG_PROBABILITY_LIMIT (FLT_EPSILON * (2.0 + 2.0 + 1.0 + 5.0))

/* With a and b the sums of the rows of x and of y [rows][cols]: a a, b b, a b.
 */
double ref_pooled_dots_units (size_t rows, size_t cols);
void ref_pooled_dots (double out[3], double mag[3], const float *x,
    const float *y, size_t rows, size_t cols);

/* Pillow's bicubic resize of RGB8, both passes. */
void ref_resize (uint8_t *dst, size_t dst_w, size_t dst_h, const uint8_t *src,
    size_t src_w, size_t src_h);
/* w x h pixels from a picture src_w wide to one dst_w wide. */
void ref_copy_part (uint8_t *dst, size_t dst_w, const uint8_t *src,
    size_t src_w, size_t w, size_t h);
/* n pixels of the colour around pictures that are padded. */
void ref_fill_padding (uint8_t *dst, size_t n);

/* One plane of bytes. */
typedef struct {
  const uint8_t *data;
  size_t stride, step; /* bytes from row to row and from sample to sample */
} RefPlane;

/* Y, U and V planes to RGB8, by the formula in picture.h. h_sub, v_sub: 2 where
 * U and V are at half of the width and height, else 1. */
typedef struct {
  size_t width, height;
  RefPlane y, u, v;
  size_t h_sub, v_sub;
  int cosited_h, cosited_v, full_range;
  double kr, kb;
} RefYuv;
void ref_yuv_to_rgb (uint8_t *rgb, const RefYuv *yuv);

#endif
