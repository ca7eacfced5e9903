/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

/* Along one direction: a side of @length pixels, the other of @other. Where in
 * pixels of the picture the square begins, and how long it is there. */
static void
square_side (Owl2ImageMode mode, guint length, guint other, guint size,
    double *begin, double *extent)
{
  guint edge = MAX (length, other), shorter = MIN (length, other);

  *begin = 0;
  *extent = length;
  if (mode == OWL2_IMAGE_PAD) {
    *begin = -(double) ((edge - length) / 2);
    *extent = edge;
  } else if (mode == OWL2_IMAGE_CROP && length > shorter) {
    guint64 resized = (guint64) size * length / shorter;

    *begin = (double) ((resized - size) / 2) * length / resized;
    *extent = (double) size * length / resized;
  }
}

/* Part @i of @n of a side of the square; FALSE: none of it is in the picture.
 */
static gboolean
part (double begin, double end, guint length, guint i, guint n, double *from,
    double *to)
{
  *from = CLAMP (begin + (end - begin) * i / n, 0, length);
  *to = CLAMP (begin + (end - begin) * (i + 1) / n, 0, length);
  return *from < *to;
}

void
owl2_picture_square (
    Owl2ImageMode mode, guint width, guint height, guint size, double rect[4])
{
  square_side (mode, width, height, size, &rect[0], &rect[2]);
  square_side (mode, height, width, size, &rect[1], &rect[3]);
  rect[2] += rect[0];
  rect[3] += rect[1];
}

gboolean
owl2_picture_cell (Owl2ImageMode mode, guint width, guint height, guint size,
    guint grid, guint col, guint row, double rect[4])
{
  double square[4];
  gboolean in_x, in_y;

  owl2_picture_square (mode, width, height, size, square);
  in_x = part (square[0], square[2], width, col, grid, &rect[0], &rect[2]);
  in_y = part (square[1], square[3], height, row, grid, &rect[1], &rect[3]);
  return in_x && in_y;
}
