/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The formula in picture.h, a pixel at a time. */
#include "ref.h"

#include <math.h>

/* The sample that pixel @at looks at first, and its other neighbour; its place
 * among @n samples of a row or column of pixels. */
static void
neighbours (
    size_t at, size_t n, int cosited, size_t *near, size_t *far, int *halfway)
{
  size_t sample = at / 2;
  int forward = at % 2 == 1; /* to the next one, else to the one before */

  *near = *far = sample;
  *halfway = 0;
  if (cosited) {
    *halfway = forward;
    if (forward && sample + 1 < n)
      *far = sample + 1;
  } else if (forward && sample + 1 < n) {
    *far = sample + 1;
  } else if (!forward && sample > 0) {
    *far = sample - 1;
  }
}

static int
mix (int near, int far, int cosited, int halfway)
{
  if (cosited)
    return halfway ? (near + far + 1) >> 1 : near;
  return (3 * near + far + 2) >> 2;
}

static int
along_row (const RefPlane *plane, const RefYuv *f, size_t x, size_t row)
{
  const uint8_t *line = plane->data + row * plane->stride;
  size_t near, far;
  int halfway;

  if (f->h_sub == 1)
    return line[x * plane->step];
  neighbours (x, (f->width + 1) / 2, f->cosited_h, &near, &far, &halfway);
  return mix (
      line[near * plane->step], line[far * plane->step], f->cosited_h, halfway);
}

static int
chroma (const RefPlane *plane, const RefYuv *f, size_t x, size_t y)
{
  size_t near, far;
  int halfway;

  if (f->v_sub == 1)
    return along_row (plane, f, x, y);
  if (f->cosited_v)
    return along_row (plane, f, x, y / 2);
  neighbours (y, (f->height + 1) / 2, 0, &near, &far, &halfway);
  return mix (
      along_row (plane, f, x, near), along_row (plane, f, x, far), 0, halfway);
}

/* m (x, p) */
static int
times (int x, double factor)
{
  int s = 256 * (x - 128) + ((x - 128) & 255);

  return (int) floor (s * rint (256.0 * factor) / 65536.0);
}

static uint8_t
to_byte (int x)
{
  return (uint8_t) ((x < -128 ? -128 : x > 127 ? 127 : x) + 128);
}

void
ref_yuv_to_rgb (uint8_t *rgb, const RefYuv *f)
{
  double kg = 1.0 - f->kr - f->kb;
  double ky = f->full_range ? 1.0 : 255.0 / 219.0;
  double q = f->full_range ? 1.0 : 255.0 / 224.0;
  double rv = 2.0 * (1.0 - f->kr) * q, bu = 2.0 * (1.0 - f->kb) * q;
  double gu = -bu * f->kb / kg, gv = -rv * f->kr / kg;

  for (size_t y = 0; y < f->height; y++)
    for (size_t x = 0; x < f->width; x++, rgb += 3) {
      int luma = times (f->y.data[y * f->y.stride + x * f->y.step], ky);
      int u = chroma (&f->u, f, x, y), v = chroma (&f->v, f, x, y);

      rgb[0] = to_byte (luma + times (v, rv));
      rgb[1] = to_byte (luma + times (u, gu) + times (v, gv));
      rgb[2] = to_byte (luma + times (u, bu));
    }
}
