/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "maps.h"

float *
owl2_maps_frame (const float *seen, guint n_queries, guint n_patches)
{
  float *frame = g_new (float, (gsize) n_queries *n_patches);

  for (guint q = 0; q < n_queries; q++) {
    const float *from = seen + (gsize) q * n_patches;
    float *to = frame + (gsize) q * n_patches;
    double sum = 0;

    for (guint i = 0; i < n_patches; i++)
      sum += from[i];
    for (guint i = 0; i < n_patches; i++)
      to[i] = (float) (sum > 0 ? from[i] / sum : 1.0 / n_patches);
  }
  return frame;
}

static double
sum_of (const double *values, gsize n)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += values[i];
  return sum;
}

float *
owl2_maps_new (const double *weights, const float *const *frames,
    guint n_frames, guint n_queries, guint n_patches)
{
  gsize n = (gsize) n_frames * n_patches, n_weights = n_frames * n_queries;
  g_autofree double *map = g_new0 (double, n);
  float *maps = g_new (float, n);
  double sum = sum_of (weights, n_weights);

  for (guint f = 0; f < n_frames; f++)
    for (guint q = 0; q < n_queries; q++) {
      const float *patches = frames[f] + (gsize) q * n_patches;
      double weight =
          sum > 0 ? weights[f * n_queries + q] / sum : 1.0 / n_weights;

      for (guint i = 0; i < n_patches; i++)
        map[(gsize) f * n_patches + i] += weight * patches[i];
    }
  for (gsize i = 0; i < n; i++)
    maps[i] = (float) map[i];
  return maps;
}
