/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

static const guint widths[] = { 1, 2, 3, 5, 31, 32, 33, 64, 96, 100, 127, 129,
  176, 256, 257, 1024, 4096 };
static const guint heights[] = { 1, 2, 7, 61 };

/* Shape number @i, or FALSE at the end. */
static gboolean
next_shape (Check *c, guint i, guint *rows, guint *cols)
{
  if (i < G_N_ELEMENTS (widths)) {
    *cols = widths[i];
    *rows = heights[i % G_N_ELEMENTS (heights)];
    return TRUE;
  }
  *cols = check_between (c, 1, 600);
  *rows = check_between (c, 1, 40);
  return i < G_N_ELEMENTS (widths) + 15;
}

/* Rows so small that epsilon decides, too. */
static float
range_of (guint i)
{
  return i % 5 == 4 ? 2e-3f : 4.f;
}

void
check_layernorm (Check *c)
{
  guint i, rows, cols;

  for (i = 0; next_shape (c, i, &rows, &cols); i++) {
    float eps = i % 2 ? 1e-5f : 1e-6f, shift = i % 3 ? 0.f : 10.f;
    float range = range_of (i);
    gboolean in_place = i % 4 == 3;
    CheckBuf *x, *w, *b, *out;
    g_autofree double *want = g_new (double, (gsize) rows *cols);
    g_autofree double *mag = g_new (double, (gsize) rows *cols);

    check_begin (c, "rows %u cols %u shift %g in place %d", rows, cols,
        (double) shift, in_place);
    w = check_in (c, "w", 1, cols, -1.f, 1.f, check_lie (c));
    b = check_in (c, "b", 1, cols, -1.f, 1.f, check_lie (c));
    if (in_place) {
      x = out = check_inout (
          c, "x", rows, cols, shift - range, shift + range, check_lie (c));
    } else {
      x = check_in (
          c, "x", rows, cols, shift - range, shift + range, check_lie (c));
      out = check_out (c, "out", rows, cols, check_lie (c));
    }
    ref_layernorm (want, mag, x->val, w->val, b->val, rows, cols, (double) eps);
    owl2_op_layernorm (c->cmd, &out->t, &x->t, &w->t, &b->t, eps);
    if (check_run (c))
      check_compare (c, out, want, mag, ref_norm_units (cols));
    check_end (c);
  }
}

void
check_rmsnorm (Check *c)
{
  guint i, rows, cols, r;

  for (i = 0; next_shape (c, i, &rows, &cols); i++) {
    float eps = i % 2 ? 1e-5f : 1e-6f, range = range_of (i);
    gboolean pick = i % 3 != 0, in_place = i % 4 == 3;
    g_autofree guint32 *modality = g_new (guint32, rows);
    g_autofree Owl2PassRow *table = g_new0 (Owl2PassRow, rows);
    CheckBuf *x, *w0, *w1, *out;
    Owl2Rows of;
    g_autofree double *want = g_new (double, (gsize) rows *cols);
    g_autofree double *mag = g_new (double, (gsize) rows *cols);

    check_begin (c, "rows %u cols %u modality %d in place %d", rows, cols, pick,
        in_place);
    for (r = 0; r < rows; r++)
      table[r].modality = modality[r] = check_between (c, 0, 1);
    w0 = check_in (c, "w0", 1, cols, -1.f, 1.f, check_lie (c));
    w1 = check_in (c, "w1", 1, cols, -1.f, 1.f, check_lie (c));
    of = check_rows (c, table, rows);
    if (in_place) {
      x = out = check_inout (c, "x", rows, cols, -range, range, check_lie (c));
    } else {
      x = check_in (c, "x", rows, cols, -range, range, check_lie (c));
      out = check_out (c, "out", rows, cols, check_lie (c));
    }
    ref_rmsnorm (want, mag, x->val, w0->val, w1->val, pick ? modality : NULL,
        rows, cols, (double) eps);
    owl2_op_rmsnorm (c->cmd, &out->t, &x->t, &w0->t, i % 6 ? &w1->t : NULL,
        pick ? &of : NULL, eps);
    if (check_run (c))
      check_compare (c, out, want, mag, ref_norm_units (cols));
    check_end (c);
  }
}
