/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pillow's bicubic resize, to the bit. The weights are its
 * precompute_coeffs() and normalize_coeffs_8bpc() (src/libImaging/Resample.c),
 * operation by operation, since a weight rounded the other way shows. */
#include "operand.h"

#include <math.h>

#define PRECISION_BITS 22 /* of a weight, after the point */
#define SUPPORT 2.0       /* input pixels on each side at scale 1 */
#define MAX_SIZE 65535u   /* of an edge, in pixels */

static double
bicubic (double x)
{
  const double a = -0.5;

  x = fabs (x);
  if (x < 1.0)
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0)
    return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

static void
filter_row (guint32 *row, double *weights, guint in, double scale, guint i)
{
  double f = MAX (scale, 1.0), support = SUPPORT * f;
  double centre = (i + 0.5) * scale, sum = 0.0;
  gint first = MAX ((gint) (centre - support + 0.5), 0);
  gint end = MIN ((gint) (centre + support + 0.5), (gint) in);
  gint n = end - first, t;

  for (t = 0; t < n; t++) {
    weights[t] = bicubic ((t + first - centre + 0.5) * (1.0 / f));
    sum += weights[t];
  }
  row[0] = (guint32) first;
  row[1] = (guint32) n;
  for (t = 0; t < n; t++) {
    double w =
        (sum != 0.0 ? weights[t] / sum : weights[t]) * (1 << PRECISION_BITS);

    row[2 + t] = (guint32) (gint32) (w < 0.0 ? w - 0.5 : w + 0.5);
  }
}

Owl2Filter *
owl2_filter_new (guint in, guint out, GError **error)
{
  g_autofree double *weights = NULL;
  Owl2Filter *filter;
  double scale, support;
  guint taps, i;

  if (in < 1 || out < 1 || in > MAX_SIZE || out > MAX_SIZE) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "can't resize %u pixels to %u, an edge has 1 to %u", in, out, MAX_SIZE);
    return NULL;
  }
  scale = (double) in / out;
  support = SUPPORT * MAX (scale, 1.0);
  taps = MIN ((guint) ceil (support) * 2 + 1, in);

  filter = g_new0 (Owl2Filter, 1);
  filter->in = in;
  filter->out = out;
  filter->taps = taps;
  /* About 4 in + 5 out words, whatever the scale. */
  filter->table = g_try_new0 (guint32, (gsize) out * (2 + taps));
  weights = g_try_new (double, taps);
  if (!filter->table || !weights) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the filter that resizes %u pixels to %u", in, out);
    owl2_filter_free (filter);
    return NULL;
  }
  for (i = 0; i < out; i++)
    filter_row (filter->table + (gsize) i * (2 + taps), weights, in, scale, i);
  return filter;
}

void
owl2_filter_free (Owl2Filter *filter)
{
  if (!filter)
    return;
  g_free (filter->table);
  g_free (filter);
}

/* Rows of @row bytes that a binding holds, at most @rows; 0 with @cmd failed.
 */
static guint
rows_in_binding (OvkCmd *cmd, gsize row, guint rows)
{
  gsize limit = ovk_device_caps (ovk_cmd_device (cmd))->max_storage_range;
  gsize align = ovk_device_caps (ovk_cmd_device (cmd))->storage_align;

  if (!owl2_piece_fits (cmd, "resize", "a row of pixels", row + align + 16))
    return 0;
  return (guint) MIN (rows, (limit - MAX (align, 16)) / row);
}

void
owl2_op_resize (OvkCmd *cmd, const Owl2Resize *p)
{
  guint32 spec[] = { owl2_workgroup (cmd), FALSE, p->src_rgb, p->vertical };
  guint unit = p->src_rgb ? 1 : 4; /* bytes of an element of src */
  gsize filter_bytes, dst_row = (gsize) p->cols * 4;
  guint piece, r, n;

  g_return_if_fail (p->src_stride % 4 == 0 && p->cols > 0 && p->taps > 0);
  g_return_if_fail (p->dst.size >= p->rows * dst_row);

  filter_bytes = (gsize) (2 + p->taps) * 4
                 * (p->vertical ? (gsize) p->dst_row0 + p->rows : p->cols);
  g_return_if_fail (p->filter.size >= filter_bytes);

  piece = rows_in_binding (cmd, dst_row, p->rows);
  if (p->vertical) {
    /* A row of dst may need any row of src. */
    if (!owl2_piece_fits (cmd, "resize", "the source", p->src.size))
      return;
  } else if (piece > 0) {
    piece = rows_in_binding (cmd, p->src_stride, piece);
  }
  if (piece == 0
      || !owl2_piece_fits (cmd, "resize", "the filter", filter_bytes))
    return;

  for (r = 0; r < p->rows; r += n) {
    n = MIN (piece, p->rows - r);

    gsize src_at = p->vertical ? 0 : ((gsize) p->src_row0 + r) * p->src_stride;
    gsize src_bytes = p->vertical ? p->src.size : n * p->src_stride;
    Owl2Operand operands[] = {
      owl2_operand_bytes (
          cmd, p->src, src_at, MIN (src_bytes, p->src.size - src_at), OVK_READ),
      owl2_operand_bytes (cmd, p->filter, 0, filter_bytes, OVK_READ),
      owl2_operand_bytes (cmd, p->dst, r * dst_row, n * dst_row, OVK_WRITE),
    };
    struct owl2_pc_resize pc = {
      .cols = p->cols,
      .rows = n,
      .taps = p->taps,
      .filter0 = p->dst_row0 + r,
      .s_offset = operands[0].offset / unit,
      .s_stride = (guint32) (p->src_stride / unit),
      .d_offset = operands[2].offset / 4,
      .f_offset = operands[1].offset / 4,
    };

    owl2_record (cmd, &owl2_shader_resize, spec, G_N_ELEMENTS (spec), operands,
        &pc, owl2_groups (cmd, n, p->cols));
  }
}
