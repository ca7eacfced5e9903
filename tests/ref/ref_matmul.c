/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>

void
ref_matmul (double *out, double *mag, const float *x, const float *w,
    const float *bias, int quick_gelu, const float *residual, size_t m,
    size_t n, size_t k)
{
  size_t i, j, l;

  for (i = 0; i < m; i++) {
    for (j = 0; j < n; j++) {
      double sum = 0.0, size = 0.0;

      for (l = 0; l < k; l++) {
        double product = (double) x[i * k + l] * w[j * k + l];

        sum += product;
        size += fabs (product);
      }
      if (bias) {
        sum += bias[j];
        size += fabs (bias[j]);
      }
      if (quick_gelu) {
        /* The slope is at most 1.1. exp (a x) may be off by 3 + 2 |a x| units;
         * that moves the result by no more than 1 + |x| of them. */
        size = 1.1 * size + 1.0 + fabs (sum);
        sum = sum / (1.0 + exp (-1.702 * sum));
      }
      if (residual) {
        sum += residual[i * n + j];
        size += fabs (residual[i * n + j]);
      }
      out[i * n + j] = sum;
      mag[i * n + j] = size;
    }
  }
}
