/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>
#include <glib.h>

/* Softmax of one row in place; the first @n are seen, the others get 0. */
static void
softmax (double *s, size_t n, size_t all)
{
  double top = s[0], sum = 0.0;
  size_t j;

  for (j = 1; j < n; j++)
    top = s[j] > top ? s[j] : top;
  for (j = 0; j < n; j++)
    sum += s[j] = exp (s[j] - top);
  for (j = 0; j < n; j++)
    s[j] /= sum;
  for (j = n; j < all; j++)
    s[j] = 0.0;
}

/* The key or value of position @j that query @i sees, of K/V head @g. */
static const float *
key_of (const RefAttention *a, const float *kv, size_t cols, size_t i, size_t j,
    size_t g)
{
  if (!a->pages)
    return kv + j * cols + g * a->kv_head_stride;
  return kv
         + ((a->pages[a->lists[i] + j / 64] * a->n_kv_heads + g) * 64 + j % 64)
               * a->head_dim;
}

void
ref_attention (double *out, double *mag, double *probs, double *score_mag,
    const RefAttention *a)
{
  double *s = g_malloc (a->n_k * sizeof *s);
  size_t h, i, j, d;

  for (h = 0; h < a->n_heads; h++) {
    size_t g = h / (a->n_heads / a->n_kv_heads);

    for (i = 0; i < a->n_q; i++) {
      const float *q = a->q + i * a->q_cols + h * a->q_head_stride;
      size_t seen = a->pages ? a->positions[i] + 1 : a->n_k;
      double largest = 0.0;

      for (j = 0; j < seen; j++) {
        const float *k = key_of (a, a->k, a->k_cols, i, j, g);
        double size = 0.0;

        s[j] = 0.0;
        for (d = 0; d < a->head_dim; d++) {
          s[j] += (double) q[d] * k[d];
          size += fabs ((double) q[d] * k[d]);
        }
        s[j] *= a->scale;
        largest = fmax (largest, size * a->scale);
      }
      softmax (s, seen, a->n_k);
      if (score_mag)
        score_mag[h * a->n_q + i] = largest;
      for (j = 0; probs && j < a->n_k; j++)
        probs[(h * a->n_q + i) * a->n_k + j] = s[j];
      for (d = 0; out && d < a->head_dim; d++) {
        size_t at = (i * a->n_heads + h) * a->head_dim + d;

        out[at] = mag[at] = 0.0;
        for (j = 0; j < seen; j++) {
          double v = key_of (a, a->v, a->v_cols, i, j, g)[d];

          out[at] += s[j] * v;
          mag[at] += s[j] * fabs (v);
        }
      }
    }
  }
  g_free (s);
}

/* A head, by halves. */
static void
rotate (double *out, double *mag, const float *x, const float *t, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    double a = x[i], b = x[half + i];
    double c = t[i], s = t[half + i];

    out[i] = a * c - b * s;
    mag[i] = fabs (a * c) + fabs (b * s);
    out[half + i] = b * c + a * s;
    mag[half + i] = fabs (b * c) + fabs (a * s);
  }
}

void
ref_place_qkv (double *q, double *q_mag, double *k, double *k_mag, float *v,
    const RefPlace *p)
{
  size_t d = p->head_dim, q_cols = p->n_heads * d, kv_cols = p->n_kv_heads * d;

  for (size_t r = 0; r < p->rows; r++) {
    const float *row = p->qkv + r * (q_cols + 2 * kv_cols);
    const float *row_q = row + (p->modality[r] ? 2 * kv_cols : 0);
    const float *row_k = row + (p->modality[r] ? 0 : q_cols);
    const float *t = p->table + p->positions[r] * d;

    for (size_t i = 0; i < q_cols; i += d)
      rotate (q + r * q_cols + i, q_mag + r * q_cols + i, row_q + i, t, d / 2);
    for (size_t i = 0; i < kv_cols; i += d)
      rotate (
          k + r * kv_cols + i, k_mag + r * kv_cols + i, row_k + i, t, d / 2);
    for (size_t i = 0; i < kv_cols; i++)
      v[r * kv_cols + i] = row_k[kv_cols + i];
  }
}

void
ref_rope_table (double *table, size_t n_pos, size_t head_dim, double base)
{
  size_t pos, i, half = head_dim / 2;

  for (pos = 0; pos < n_pos; pos++) {
    for (i = 0; i < half; i++) {
      double angle =
          (double) pos * pow (base, -2.0 * (double) i / (double) head_dim);

      table[pos * head_dim + i] = cos (angle);
      table[pos * head_dim + half + i] = sin (angle);
    }
  }
}

/* A score is off by sqrt (head_dim) + 4 roundings of its terms' size (see
 * ref_matmul_units()); that is the relative error of its exponential, to which
 * exp() adds 3 + 2 |x| units with |x| at most twice the largest score. Then
 * comes a sum over the keys. Twice the first, for the softmax divides by a sum
 * of such exponentials. */
double
ref_softmax_units (size_t head_dim, size_t n_k, double score_mag)
{
  return 2.0 * score_mag * (sqrt ((double) head_dim) + 8.0)
         + sqrt ((double) n_k) + 16.0;
}
