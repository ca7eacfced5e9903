/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps are those that the reference data's description lists for
 * "bicubic resizing is that of Pillow". */
#include "ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double
kernel (double x)
{
  x = x < 0.0 ? -x : x;
  if (x < 1.0)
    return 1.5 * x * x * x - 2.5 * x * x + 1.0;
  if (x < 2.0)
    return -0.5 * x * x * x + 2.5 * x * x - 4.0 * x + 2.0;
  return 0.0;
}

/* One line of @in pixels, @step bytes apart, to @out. */
static void
resize_line (uint8_t *dst, size_t out, size_t dst_step, const uint8_t *src,
    size_t in, size_t src_step)
{
  double scale = (double) in / (double) out;
  double f = scale > 1.0 ? scale : 1.0, support = 2.0 * f;
  double *weights = malloc (in * sizeof *weights);
  size_t i;
  int j, channel;

  for (i = 0; i < out; i++) {
    double c = ((double) i + 0.5) * scale, sum = 0.0;
    int first = (int) (c - support + 0.5), end = (int) (c + support + 0.5);

    first = first < 0 ? 0 : first;
    end = end > (int) in ? (int) in : end;
    for (j = first; j < end; j++)
      sum += weights[j] = kernel ((j - c + 0.5) / f);
    for (channel = 0; channel < 3; channel++) {
      int value = 1 << 21;

      for (j = first; j < end; j++)
        value += (int) round (weights[j] / sum * (1 << 22))
                 * src[(size_t) j * src_step + (size_t) channel];
      value >>= 22;
      dst[i * dst_step + (size_t) channel] = (uint8_t) (value < 0     ? 0
                                                        : value > 255 ? 255
                                                                      : value);
    }
  }
  free (weights);
}

void
ref_resize (uint8_t *dst, size_t dst_w, size_t dst_h, const uint8_t *src,
    size_t src_w, size_t src_h)
{
  uint8_t *between = malloc (3 * dst_w * src_h);
  size_t i;

  for (i = 0; i < src_h; i++) {
    if (dst_w == src_w)
      memcpy (between + 3 * i * dst_w, src + 3 * i * src_w, 3 * src_w);
    else
      resize_line (
          between + 3 * i * dst_w, dst_w, 3, src + 3 * i * src_w, src_w, 3);
  }
  if (dst_h == src_h)
    memcpy (dst, between, 3 * dst_w * dst_h);
  else
    for (i = 0; i < dst_w; i++)
      resize_line (
          dst + 3 * i, dst_h, 3 * dst_w, between + 3 * i, src_h, 3 * dst_w);
  free (between);
}
