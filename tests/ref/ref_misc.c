/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>

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
