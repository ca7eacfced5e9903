/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps are those that the reference data's description lists for
 * "bicubic resizing is that of Pillow". */
#include "ref.h"

#include <math.h>
#include <glib.h>
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

/* Lines of pixels, @next bytes from one to the next, each pixel @step bytes
 * from the one before. */
typedef struct {
  const uint8_t *data;
  size_t n, step, next;
} From;

typedef struct {
  uint8_t *data;
  size_t n, step, next;
} To;

static void
resize_pixel (
    uint8_t *dst, const int *weights, int n, const uint8_t *src, size_t step)
{
  for (int channel = 0; channel < 3; channel++) {
    int value = 1 << 21;

    for (int j = 0; j < n; j++)
      value += weights[j] * src[(size_t) j * step + (size_t) channel];
    value >>= 22;
    dst[channel] = (uint8_t) (value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

static void
resize_lines (const To *dst, const From *src, size_t n_lines)
{
  double scale = (double) src->n / (double) dst->n;
  double f = scale > 1.0 ? scale : 1.0, support = 2.0 * f;
  double *weights = g_malloc (src->n * sizeof *weights);
  int *rounded = g_malloc (src->n * sizeof *rounded);

  for (size_t i = 0; i < dst->n; i++) {
    double c = ((double) i + 0.5) * scale, sum = 0.0;
    int first = (int) (c - support + 0.5), end = (int) (c + support + 0.5);
    int j;

    first = first < 0 ? 0 : first;
    end = end > (int) src->n ? (int) src->n : end;
    for (j = first; j < end; j++)
      sum += weights[j] = kernel ((j - c + 0.5) / f);
    for (j = first; j < end; j++)
      rounded[j] = (int) round (weights[j] / sum * (1 << 22));
    for (size_t line = 0; line < n_lines; line++)
      resize_pixel (dst->data + line * dst->next + i * dst->step,
          rounded + first, end - first,
          src->data + line * src->next + (size_t) first * src->step, src->step);
  }
  g_free (weights);
  g_free (rounded);
}

void
ref_resize (uint8_t *dst, size_t dst_w, size_t dst_h, const uint8_t *src,
    size_t src_w, size_t src_h)
{
  uint8_t *between = g_malloc (3 * dst_w * src_h);
  const From rows = { src, src_w, 3, 3 * src_w };
  const To narrow_rows = { between, dst_w, 3, 3 * dst_w };
  const From columns = { between, src_h, 3 * dst_w, 3 };
  const To short_columns = { dst, dst_h, 3 * dst_w, 3 };

  if (dst_w == src_w)
    memcpy (between, src, 3 * src_w * src_h);
  else
    resize_lines (&narrow_rows, &rows, src_h);
  if (dst_h == src_h)
    memcpy (dst, between, 3 * dst_w * dst_h);
  else
    resize_lines (&short_columns, &columns, dst_w);
  g_free (between);
}

void
ref_copy_part (uint8_t *dst, size_t dst_w, const uint8_t *src, size_t src_w,
    size_t w, size_t h)
{
  for (size_t y = 0; y < h; y++)
    memcpy (dst + 3 * y * dst_w, src + 3 * y * src_w, 3 * w);
}

void
ref_fill_padding (uint8_t *dst, size_t n)
{
  static const uint8_t colour[3] = { 122, 116, 104 };

  for (size_t i = 0; i < n; i++)
    memcpy (dst + 3 * i, colour, 3);
}
