/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>

/* Sums of @cols terms, over 16 parts at least, and a dozen roundings more. */
double
ref_norm_units (size_t cols)
{
  return (double) cols / 16.0 + 12.0;
}

void
ref_layernorm (double *out, double *mag, const float *x, const float *w,
    const float *b, size_t rows, size_t cols, double eps)
{
  size_t r, c;

  for (r = 0; r < rows; r++) {
    const float *row = x + r * cols;
    double mean = 0.0, size = 0.0, var = 0.0, norm;

    for (c = 0; c < cols; c++) {
      mean += row[c];
      size += fabs (row[c]);
    }
    mean /= (double) cols;
    size /= (double) cols;
    for (c = 0; c < cols; c++)
      var += (row[c] - mean) * (row[c] - mean);
    norm = 1.0 / sqrt (var / (double) cols + eps);
    for (c = 0; c < cols; c++) {
      out[r * cols + c] = (row[c] - mean) * norm * w[c] + b[c];
      mag[r * cols + c] =
          (fabs (row[c]) + size) * norm * fabs (w[c]) + fabs (b[c]);
    }
  }
}

void
ref_rmsnorm (double *out, double *mag, const float *x, const float *w0,
    const float *w1, const uint32_t *modality, size_t rows, size_t cols,
    double eps)
{
  size_t r, c;

  for (r = 0; r < rows; r++) {
    const float *w = modality && modality[r] ? w1 : w0;
    double sum = 0.0;

    for (c = 0; c < cols; c++)
      sum += (double) x[r * cols + c] * x[r * cols + c];
    for (c = 0; c < cols; c++) {
      double v = x[r * cols + c] / sqrt (sum / (double) cols + eps) * w[c];

      out[r * cols + c] = v;
      mag[r * cols + c] = fabs (v);
    }
  }
}
