/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "positions.h"

#include <math.h>
#include <string.h>

/* One row for position @at: sines of all frequencies, then cosines. Computed
 * in double precision, as numpy does, and rounded once. */
static void
row (float *out, guint at, guint width)
{
  guint half = width / 2;

  for (guint j = 0; j < half; j++) {
    double angle = at * pow (10000.0, -(double) j / half);

    out[j] = (float) sin (angle);
    out[half + j] = (float) cos (angle);
  }
}

void
positions_1d (float *out, guint n, guint width)
{
  for (guint i = 0; i < n; i++)
    row (out + (gsize) i * width, i, width);
}

void
positions_2d (float *out, guint grid, guint width)
{
  memset (out, 0, width * sizeof (float));
  for (guint y = 0; y < grid; y++)
    for (guint x = 0; x < grid; x++) {
      float *p = out + (1 + (gsize) y * grid + x) * width;

      row (p, x, width / 2); /* the column comes first */
      row (p + width / 2, y, width / 2);
    }
}
