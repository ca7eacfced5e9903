/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pillow's bicubic resize, to the bit. The weights are its
 * precompute_coeffs() and normalize_coeffs_8bpc() (src/libImaging/Resample.c),
 * operation by operation, since a weight rounded the other way shows. */
#include "operand.h"

#include <math.h>

#define PRECISION_BITS 22 /* of a weight, after the point */
#define SUPPORT 2.0       /* input pixels on each side at scale 1 */

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

static double
axis_scale (const Owl2Axis *axis)
{
  return (double) axis->in / axis->out;
}

/* The first input of output @i, and the number of them. */
static guint
row_span (const Owl2Axis *axis, guint i, guint *first)
{
  double scale = axis_scale (axis), support = SUPPORT * MAX (scale, 1.0);
  double centre = (i + 0.5) * scale;
  gint end = MIN ((gint) (centre + support + 0.5), (gint) axis->in);

  *first = (guint) MAX ((gint) (centre - support + 0.5), 0);
  return (guint) end - *first;
}

Owl2Axis
owl2_axis (guint in, guint out)
{
  return (Owl2Axis){ in, out, 0, in, 0, out };
}

guint
owl2_axis_span (const Owl2Axis *axis, guint *first)
{
  guint last, n;

  n = row_span (axis, axis->first + axis->kept - 1, &last);
  (void) row_span (axis, axis->first, first);
  return last + n - *first;
}

static void
filter_row (guint32 *row, double *weights, const Owl2Axis *axis, guint i)
{
  double scale = axis_scale (axis), f = MAX (scale, 1.0);
  double centre = (i + 0.5) * scale, sum = 0.0;
  guint first, n = row_span (axis, i, &first), t;
  guint from = axis->at, to = axis->at + axis->there;
  guint begin = CLAMP (first, from, to);

  for (t = 0; t < n; t++) {
    weights[t] = bicubic (((gint) (t + first) - centre + 0.5) * (1.0 / f));
    sum += weights[t];
  }
  row[0] = begin - from;
  row[1] = CLAMP (first + n, from, to) - begin;
  row[2] = 0;
  for (t = 0; t < n; t++) {
    double w =
        (sum != 0.0 ? weights[t] / sum : weights[t]) * (1 << PRECISION_BITS);
    guint32 rounded = (guint32) (gint32) (w < 0.0 ? w - 0.5 : w + 0.5);

    if (first + t >= from && first + t < to)
      row[OWL2_FILTER_HEAD + first + t - begin] = rounded;
    else
      row[2] += rounded;
  }
}

Owl2Filter *
owl2_filter_new (Owl2Axis axis, GError **error)
{
  g_autofree double *weights = NULL;
  Owl2Filter *filter;
  guint most, i;

  if (axis.in < 1 || axis.out < 1 || axis.in > OWL2_RESIZE_MAX
      || axis.kept > OWL2_RESIZE_MAX) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "can't resize %u pixels to %u, an edge has 1 to %u", axis.in, axis.kept,
        OWL2_RESIZE_MAX);
    return NULL;
  }
  g_return_val_if_fail (
      axis.there > 0 && axis.at + axis.there <= axis.in, NULL);
  g_return_val_if_fail (axis.first + axis.kept <= axis.out, NULL);
  most = (guint) ceil (SUPPORT * MAX (axis_scale (&axis), 1.0)) * 2 + 1;
  most = MIN (most, axis.in);

  filter = g_new0 (Owl2Filter, 1);
  filter->in = axis.there;
  filter->out = axis.kept;
  filter->taps = MIN (most, axis.there);
  /* About 4 in + 5 out words, whatever the scale. */
  filter->table = g_try_new0 (
      guint32, (gsize) filter->out * (OWL2_FILTER_HEAD + filter->taps));
  weights = g_try_new (double, most);
  if (!filter->table || !weights) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the filter that resizes %u pixels to %u", axis.in,
        axis.kept);
    owl2_filter_free (filter);
    return NULL;
  }
  for (i = 0; i < filter->out; i++)
    filter_row (filter->table + (gsize) i * (OWL2_FILTER_HEAD + filter->taps),
        weights, &axis, axis.first + i);
  return filter;
}

const guint32 *
owl2_filter_row (const Owl2Filter *filter, guint out)
{
  return filter->table + (gsize) out * (OWL2_FILTER_HEAD + filter->taps);
}

guint
owl2_filter_end (const Owl2Filter *filter, guint out)
{
  const guint32 *row = owl2_filter_row (filter, out);

  return row[0] + row[1];
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

  filter_bytes = (gsize) (OWL2_FILTER_HEAD + p->taps) * 4
                 * (p->vertical ? (gsize) p->dst_row0 + p->rows : p->cols);
  g_return_if_fail (p->filter.size >= filter_bytes);

  owl2_explain (cmd, OWL2_OP_RESIZE, .flag = p->vertical, .other = p->src_rgb);
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
