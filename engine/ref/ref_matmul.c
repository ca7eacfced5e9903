/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>

/* A sum of k terms in any order is off by about sqrt (k) roundings of half a
 * unit (Higham, Mary 2019), twice that nearly never; 8 for bias, activation,
 * residual and very short sums. That is for kernels that add up all k in a row,
 * with units of the sum of all magnitudes. One that takes the mins of Q4_K out
 * of its sums adds up numbers that are in all four times as large (of weights
 * spread evenly around 0), but at most 32 of them in a row, then 2 for each
 * further group of a lane and 6 of the tree: as few for 256 terms as for 4096.
 */
double
ref_matmul_units (size_t k)
{
  return sqrt ((double) k) + 8.0;
}

/* A half is one of the two next to the number, Vulkan leaves open which: off by
 * 2^-10 of it, or where halves get no smaller by 2^-24; of x, scaled so that a
 * row's largest is 2^14 at least, that is 2^-38 of the largest. Halves times
 * halves are exact in F32. */
void
ref_matmul_add_halves (double *mag, double units, const float *x,
    const float *w, int exact, int w_halves, int quick_gelu, size_t m, size_t n,
    size_t k)
{
  double off_x = exact ? 0 : 1.0 / 1024, off_w = w_halves ? 0 : 1.0 / 1024;
  double least_w = w_halves ? 0 : 0x1p-24;

  for (size_t i = 0; i < m; i++) {
    const float *row = x + i * k;
    double largest = 0;

    for (size_t l = 0; l < k; l++)
      largest = fmax (largest, fabs (row[l]));
    for (size_t j = 0; j < n; j++) {
      double sum = 0;

      for (size_t l = 0; l < k; l++) {
        double a = fabs (row[l]), b = fabs (w[j * k + l]);
        double da = exact ? 0 : fmax (a * off_x, largest * 0x1p-38);

        sum += da * b + (a + da) * fmax (b * off_w, least_w);
      }
      /* The slope is at most 1.1, as below. */
      mag[i * n + j] += (quick_gelu ? 1.1 : 1.0) * sum / (units * FLT_EPSILON);
    }
  }
}

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
