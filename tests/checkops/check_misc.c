/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const guint sizes[][2] = { { 1, 1 }, { 1, 7 }, { 7, 1 }, { 3, 5 },
  { 2, 64 }, { 5, 65 }, { 31, 33 }, { 64, 64 }, { 61, 256 }, { 17, 688 },
  { 300, 100 } };

static gboolean
next_size (Check *c, guint i, guint *rows, guint *cols)
{
  *rows = i < G_N_ELEMENTS (sizes) ? sizes[i][0] : check_between (c, 1, 80);
  *cols = i < G_N_ELEMENTS (sizes) ? sizes[i][1] : check_between (c, 1, 300);
  return i < G_N_ELEMENTS (sizes) + 12;
}

void
check_swiglu (Check *c)
{
  guint i, rows, cols;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    gsize n = (gsize) rows * cols;
    gboolean in_place = i % 3 == 2;
    float range = i % 2 ? 8.f : 300.f; /* exp (300) is infinite */
    CheckBuf *gate, *up, *out;
    g_autofree double *want = g_new (double, n);
    g_autofree double *mag = g_new (double, n);

    check_begin (c, "rows %u cols %u in place %d", rows, cols, in_place);
    up = check_in (c, "up", rows, cols, -4.f, 4.f, check_lie (c));
    gate =
        in_place
            ? check_inout (c, "gate", rows, cols, -range, range, check_lie (c))
            : check_in (c, "gate", rows, cols, -range, range, check_lie (c));
    out = in_place ? gate : check_out (c, "out", rows, cols, check_lie (c));
    ref_swiglu (want, mag, gate->val, up->val, n);
    owl2_op_swiglu (c->cmd, &out->t, &gate->t, &up->t);
    /* exp() to 3 + 2 |x| units (in mag), an add, a divide of 2.5 units, a
     * multiplication. */
    if (check_run (c))
      check_compare (c, out, want, mag, 8.0);
    check_end (c);
  }
}

void
check_add (Check *c)
{
  guint i, rows, cols, r, k;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    /* One that repeats is bound whole. */
    guint most =
        c->limit ? MIN (rows, (guint) c->limit / 4 / (cols + 20)) : rows;
    guint b_rows = i % 3 ? check_between (c, 1, most) : rows;
    gboolean in_place = i % 2;
    CheckBuf *a, *b, *out;
    g_autofree guint32 *want = g_new (guint32, (gsize) rows * cols);

    check_begin (
        c, "rows %u + %u cols %u in place %d", rows, b_rows, cols, in_place);
    b = check_in (c, "b", b_rows, cols, -4.f, 4.f, check_lie (c));
    a = in_place ? check_inout (c, "a", rows, cols, -4.f, 4.f, check_lie (c))
                 : check_in (c, "a", rows, cols, -4.f, 4.f, check_lie (c));
    out = in_place ? a : check_out (c, "out", rows, cols, check_lie (c));
    for (r = 0; r < rows; r++) {
      for (k = 0; k < cols; k++) {
        float sum = a->val[r * cols + k] + b->val[r % b_rows * cols + k];

        memcpy (&want[r * cols + k], &sum, 4);
      }
    }
    owl2_op_add (c->cmd, &out->t, &a->t, &b->t);
    if (check_run (c))
      check_compare_words (c, out, want); /* one add is exact rounding */
    check_end (c);
  }
}

void
check_copy (Check *c)
{
  guint i, rows, cols;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    CheckBuf *src, *dst;

    check_begin (c, "rows %u cols %u", rows, cols);
    src = check_in (c, "src", rows, cols, -4.f, 4.f, check_lie (c));
    src->val[0] = i % 2 ? NAN : -0.f;
    check_upload (c, src);
    dst = check_out (c, "dst", rows, cols, check_lie (c));
    owl2_op_copy (c->cmd, &dst->t, &src->t);
    if (check_run (c))
      check_compare_words (c, dst, (const guint32 *) src->val);
    check_end (c);
  }
}

void
check_rope (Check *c)
{
  static const guint dims[] = { 2, 4, 6, 16, 64, 80, 128, 256 };
  guint i;

  for (i = 0; i < 24; i++) {
    guint head_dim = dims[i % G_N_ELEMENTS (dims)];
    guint n_heads = check_between (c, 1, 6), rows = check_between (c, 1, 40);
    guint pos0 = i % 2 ? check_between (c, 0, 50) : 0, n_pos = pos0 + rows;
    guint cols = n_heads * head_dim;
    float base = i % 3 ? 10000.f : 500000.f;
    CheckBuf *x, *table;
    g_autofree double *want = g_new (double, (gsize) rows *cols);
    g_autofree double *mag = g_new (double, (gsize) rows *cols);
    g_autofree double *exact = g_new (double, (gsize) n_pos *head_dim);
    guint j;

    check_begin (
        c, "rows %u heads %u of %u pos0 %u", rows, n_heads, head_dim, pos0);
    x = check_inout (c, "x", rows, cols, -4.f, 4.f, check_lie (c));
    table = check_in (c, "table", n_pos, head_dim, 0.f, 0.f, LIE_PACKED);
    owl2_rope_table (table->val, n_pos, head_dim, base);
    check_upload (c, table);
    /* The angle is rounded three times: power, quotient, product. */
    ref_rope_table (exact, n_pos, head_dim, (double) base);
    for (j = 0; j < n_pos * head_dim; j++)
      if (!(fabs (exact[j] - table->val[j])
              <= (2.5 * (j / head_dim) + 1.0) * FLT_EPSILON))
        check_fail (c, "table [%u][%u] is %.9g, not %.9g", j / head_dim,
            j % head_dim, table->val[j], exact[j]);

    ref_rope (want, mag, x->val, table->val, rows, n_heads, head_dim, pos0);
    owl2_op_rope (c->cmd, &x->t, &table->t, n_heads, head_dim, pos0);
    if (check_run (c))
      check_compare (c, x, want, mag, 1.5); /* two products, one sum */
    check_end (c);
  }
}

void
check_embed (Check *c)
{
  guint i, j, k;

  /* Odd shapes of those without blocks, then all. */
  for (i = 0; i < 16 + 3 * owl2_n_types (); i++) {
    Owl2Type type = owl2_type_at (i < 16 ? i % 2 : i % owl2_n_types ())->type;
    guint block = owl2_type_block (type);
    guint cols = i < 4        ? 5 + i
                 : block == 1 ? check_between (c, 1, 200)
                              : block * check_between (c, 1, 5);
    guint rows = i == 4 || i == 5 ? 1024 : check_between (c, 1, 300);
    guint n = check_between (c, 1, 70);
    g_autofree guint32 *id = g_new (guint32, n);
    g_autofree guint32 *want = g_new (guint32, (gsize) n * cols);
    CheckBuf *table, *ids, *out;

    check_begin (
        c, "%s table %u x %u, %u ids", owl2_type_name (type), rows, cols, n);
    for (j = 0; j < n; j++)
      id[j] = check_between (c, 0, rows - 1);
    id[0] = rows - 1;
    if (n > 2) {
      id[1] = rows; /* outside: the row stays as it is */
      id[2] = 0xffffff38u;
    }
    table = check_weight (c, "table", type, rows, cols, -2.f, 2.f);
    ids = check_words (c, "ids", id, n);
    out = check_inout (c, "out", n, cols, -1.f, 1.f, check_lie (c));
    for (j = 0; j < n; j++)
      for (k = 0; k < cols; k++)
        memcpy (&want[j * cols + k],
            id[j] < rows ? &table->val[id[j] * cols + k]
                         : &out->val[j * cols + k],
            4);
    owl2_op_embed (c->cmd, &out->t, &table->t, check_slice (ids), n);
    if (check_run (c))
      check_compare_words (c, out, want);
    check_end (c);
  }
}

/* Ties, NaN and infinities among @n logits. */
static void
spoil (Check *c, float *logits, guint n, guint how)
{
  guint i;

  if (how & 1)
    for (i = 0; i < 3; i++)
      logits[check_between (c, 0, n - 1)] = 25.f; /* the largest, again */
  if (how & 2) {
    logits[check_between (c, 0, n - 1)] = NAN;
    logits[check_between (c, 0, n - 1)] = INFINITY;
    logits[check_between (c, 0, n - 1)] = -INFINITY;
    logits[0] = -NAN;
  }
  if (how & 4)
    for (i = 0; i < n; i++)
      logits[i] = NAN;
}

void
check_argmax (Check *c)
{
  static const guint sizes_n[] = { 1, 2, 127, 128, 129, 512, 32000, 65537,
    262144 };
  guint i;

  for (i = 0; i < 4 * G_N_ELEMENTS (sizes_n) + 6; i++) {
    guint n = i / 4 < G_N_ELEMENTS (sizes_n) ? sizes_n[i / 4]
                                             : check_between (c, 1, 3000);
    guint how = i / 4 < G_N_ELEMENTS (sizes_n) ? i % 4 : 4;
    float range = i % 3 ? 15.f : 200.f;
    guint32 id, n_bad;
    double max, lse;
    CheckBuf *logits, *result;
    Owl2Argmax got;

    check_begin (c, "%u logits, spoilt %u", n, how);
    logits = check_in (c, "logits", 1, n, -range, range, check_lie (c));
    spoil (c, logits->val, n, how);
    check_upload (c, logits);
    result = check_words (c, "result", NULL, 4);
    owl2_op_argmax (c->cmd, check_slice (result), &logits->t);
    if (check_run (c)) {
      memcpy (&got, result->val, sizeof got);
      ref_argmax (&id, &max, &lse, &n_bad, logits->val, n);
      if (got.id != id || got.n_bad != n_bad
          || (n_bad < n && (double) got.max != max))
        check_fail (c, "%u (%g), %u bad, not %u (%g), %u bad", got.id,
            (double) got.max, got.n_bad, id, max, n_bad);
      /* The sum's relative error is the logarithm's absolute one: n / 128 adds
       * in a part, exp() and log() of some units, and the result's rounding;
       * the steps up of the running maximum add exp() of some units each. */
      if (n_bad < n
          && !(fabs ((double) got.log_sum_exp - lse)
               <= FLT_EPSILON * (n / 128.0 + 64.0 + 2.0 * fabs (lse))))
        check_fail (
            c, "log_sum_exp is %.9g, not %.9g", (double) got.log_sum_exp, lse);
      if (n_bad == n && !(isinf (got.max) && got.max < 0.f))
        check_fail (c, "max of nothing is %g", (double) got.max);
    }
    check_end (c);
  }
}
