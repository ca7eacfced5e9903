/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>

void
ref_fma_chain (double *out, double *mag, const float *x, size_t n, size_t steps,
    double a, double b)
{
  for (size_t i = 0; i < n; i++) {
    out[i] = x[i];
    mag[i] = 0;
    for (size_t s = 0; s < steps; s++) {
      mag[i] = mag[i] * fabs (a) + fabs (out[i] * a);
      out[i] = out[i] * a + b;
      mag[i] += fabs (out[i]);
    }
  }
}

void
ref_swiglu (
    double *out, double *mag, const float *gate, const float *up, size_t n)
{
  size_t i;

  for (i = 0; i < n; i++) {
    double g = gate[i];

    out[i] = g / (1.0 + exp (-g)) * up[i];
    /* exp (-g) may be off by 3 + 2 |g| units of rounding; and where it would
     * overflow, nothing below 1e-31 is asked for. */
    mag[i] = fabs (out[i]) * (1.0 + fabs (g)) + 1e-24;
  }
}

void
ref_argmax (uint32_t *id, double *max, double *log_sum_exp, uint32_t *n_bad,
    const float *logits, size_t n, uint32_t ban)
{
  double sum = 0.0, top = -INFINITY;
  size_t i;

  *id = 0;
  *max = -INFINITY;
  *n_bad = 0;
  for (i = 0; i < n; i++) {
    if (!isfinite (logits[i])) {
      (*n_bad)++;
      continue;
    }
    top = fmax (top, logits[i]);
    if (i != ban && logits[i] > *max) {
      *max = logits[i];
      *id = (uint32_t) i;
    }
  }
  for (i = 0; i < n; i++)
    if (isfinite (logits[i]))
      sum += exp (logits[i] - top);
  *log_sum_exp = top + log (sum);
}

double
ref_log_probability (const float *logits, size_t n, uint32_t id)
{
  double max, log_sum_exp;
  uint32_t largest, n_bad;

  ref_argmax (&largest, &max, &log_sum_exp, &n_bad, logits, n, UINT32_MAX);
  return logits[id] - log_sum_exp;
}

void
ref_pooled_dots (double out[3], double mag[3], const float *x, const float *y,
    size_t rows, size_t cols)
{
  size_t r, c, i;

  for (i = 0; i < 3; i++)
    out[i] = mag[i] = 0.0;
  for (c = 0; c < cols; c++) {
    double a = 0.0, b = 0.0, a_mag = 0.0, b_mag = 0.0;

    for (r = 0; r < rows; r++) {
      a += x[r * cols + c];
      b += y[r * cols + c];
      a_mag += fabs (x[r * cols + c]);
      b_mag += fabs (y[r * cols + c]);
    }
    out[0] += a * a;
    out[1] += b * b;
    out[2] += a * b;
    mag[0] += a_mag * a_mag;
    mag[1] += b_mag * b_mag;
    mag[2] += a_mag * b_mag;
  }
}

void
ref_mean_heads (double *out, double *mag, const float *x, const float *before,
    size_t n_heads, size_t rows, size_t cols, double scale)
{
  for (size_t i = 0; i < rows * cols; i++) {
    out[i] = before ? before[i] : 0.0;
    mag[i] = fabs (out[i]);
    for (size_t h = 0; h < n_heads; h++) {
      out[i] += scale * x[h * rows * cols + i];
      mag[i] += fabs (scale * x[h * rows * cols + i]);
    }
  }
}

/* The sum's relative error is the logarithm's absolute one: n / 128 adds of an
 * invocation, at most 512, one for each 128 parts of 1024, 7 of a workgroup in
 * either, exp() and log() of some units, and the result's rounding; the steps
 * up of the running maximum add exp() of some units each. */
double
ref_log_sum_exp_limit (size_t n, double log_sum_exp)
{
  return FLT_EPSILON
         * (fmin ((double) n / 128.0, 512.0 + (double) n / 131072.0) + 64.0
             + 2.0 * fabs (log_sum_exp));
}

/* Half a unit for each addition in a column's sum, which is in a product twice,
 * for the product, and for each addition of those: cols / 128 in a part and 7
 * of the parts. */
double
ref_pooled_dots_units (size_t rows, size_t cols)
{
  return (double) rows + (double) cols / 256.0 + 5.0;
}

/* An addition a head, of which each is off by half a unit, the product and the
 * last sum. */
double
ref_mean_heads_units (size_t n_heads)
{
  return 0.5 * (double) n_heads + 1.0;
}
