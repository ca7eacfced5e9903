/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

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
    if (check_run (c))
      check_compare (c, out, want, mag, REF_SWIGLU_UNITS);
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
check_mean_heads (Check *c)
{
  guint i, rows, cols;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    guint n_heads = check_between (c, 1, 32);
    gboolean add = i % 2;
    float scale = check_float (c, 0.01f, 1.f);
    g_autofree double *want = g_new (double, rows * cols);
    g_autofree double *mag = g_new (double, rows * cols);
    CheckBuf *x, *out;

    /* Both are bound whole. */
    if (c->limit)
      rows = MIN (rows, (guint) c->limit / 4 / n_heads / (cols + 20));
    if (!rows)
      continue;
    check_begin (c, "heads %u rows %u cols %u scale %g add %d", n_heads, rows,
        cols, scale, add);
    x = check_in (c, "x", n_heads * rows, cols, -1.f, 1.f, check_lie (c));
    out = add ? check_inout (c, "out", rows, cols, -1.f, 1.f, check_lie (c))
              : check_out (c, "out", rows, cols, check_lie (c));
    ref_mean_heads (
        want, mag, x->val, add ? out->val : NULL, n_heads, rows, cols, scale);
    owl2_op_mean_heads (c->cmd, &out->t, &x->t, n_heads, scale, add);
    if (check_run (c))
      check_compare (c, out, want, mag, ref_mean_heads_units (n_heads));
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

/* Every other case leaves nothing to rounding: integers that change sign. */
void
check_fma_chain (Check *c)
{
  guint i, rows, cols;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    guint n = rows * cols,
          steps = OWL2_FMA_CHAIN_STEPS * check_between (c, 0, 9);
    gboolean exact = i % 2;
    float a = exact ? -1.f : check_float (c, -1.f, 1.f);
    float b = exact ? 3.f : check_float (c, -2.f, 2.f);
    CheckBuf *x, *out;
    g_autofree double *want = g_new (double, n);
    g_autofree double *mag = g_new (double, n);

    if (c->limit)
      n = MIN (n, (guint) c->limit / 4 - 100);
    check_begin (c, "cols %u steps %u a %g b %g", n, steps, a, b);
    x = check_in (c, "x", 1, n, -9.f, 9.f, check_lie (c));
    for (guint k = 0; exact && k < n; k++)
      x->val[k] = (float) check_between (c, 0, 100) - 50.f;
    check_upload (c, x);
    out = check_out (c, "out", 1, n, check_lie (c));
    ref_fma_chain (want, mag, x->val, n, steps, a, b);
    owl2_op_fma_chain (c->cmd, &out->t, &x->t, steps, a, b);
    /* A product and a sum, each to half a unit of what is itself off by next to
     * nothing. */
    if (check_run (c))
      check_compare (c, out, want, mag, exact ? 0.0 : 0.505);
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
    guint n = check_between (c, 1, 70), n_results = check_between (c, 1, 20);
    g_autofree Owl2PassRow *all = g_new0 (Owl2PassRow, n);
    g_autofree Owl2Result *results = g_new0 (Owl2Result, n_results);
    g_autofree guint32 *want = g_new (guint32, (gsize) n * cols);
    CheckBuf *table, *out, *entries;
    Owl2Rows of;

    check_begin (
        c, "%s table %u x %u, %u rows", owl2_type_name (type), rows, cols, n);
    for (j = 0; j < n_results; j++)
      results[j].id = check_between (c, 0, rows - 1);
    for (j = 0; j < n; j++)
      all[j].source =
          j % 3 ? check_between (c, 0, rows - 1)
                : OWL2_ROW_RESULT | check_between (c, 0, n_results - 1);
    all[0].source = rows - 1;
    if (n > 2) {
      all[1].source = rows; /* outside: the row stays as it is */
      all[2].source = OWL2_ROW_GIVEN;
    }
    table = check_weight (c, "table", type, rows, cols, -2.f, 2.f);
    of = check_rows (c, all, n);
    entries = check_results (c, results, n_results);
    out = check_inout (c, "out", n, cols, -1.f, 1.f, check_lie (c));
    for (j = 0; j < n; j++) {
      guint32 source = all[j].source;
      guint32 id = source < OWL2_ROW_RESULT ? source
                   : source == OWL2_ROW_GIVEN
                       ? rows
                       : results[source & ~OWL2_ROW_RESULT].id;

      for (k = 0; k < cols; k++)
        memcpy (&want[j * cols + k],
            id < rows ? &table->val[id * cols + k] : &out->val[j * cols + k],
            4);
    }
    owl2_op_embed (c->cmd, &out->t, &table->t, &of, n, check_slice (entries));
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

/* What the device made of a row of @n logits. */
static void
check_result (
    Check *c, const Owl2Result *got, const float *logits, guint n, guint32 ban)
{
  guint32 id, n_bad;
  double max, lse;

  ref_argmax (&id, &max, &lse, &n_bad, logits, n, ban);
  if (got->id != id || got->n_bad != n_bad || (double) got->max != max)
    check_fail (c, "%u (%g), %u bad, not %u (%g), %u bad; %u is banned",
        got->id, (double) got->max, got->n_bad, id, max, n_bad, ban);
  if (n_bad < n
      && !(fabs ((double) got->log_sum_exp - lse)
           <= ref_log_sum_exp_limit (n, lse)))
    check_fail (
        c, "log_sum_exp is %.9g, not %.9g", (double) got->log_sum_exp, lse);
  if (n_bad == n && !(isinf (got->log_sum_exp) && got->log_sum_exp < 0.f))
    check_fail (c, "log_sum_exp of nothing is %g", (double) got->log_sum_exp);
}

/* The largest, the one after it, any, or none. */
static guint32
pick_ban (Check *c, const float *logits, guint n)
{
  guint32 id, n_bad;
  double max, lse;

  ref_argmax (&id, &max, &lse, &n_bad, logits, n, OWL2_ROW_NO_BAN);
  switch (check_between (c, 0, 3)) {
    case 0:
      return OWL2_ROW_NO_BAN;
    case 1:
      return check_between (c, 0, n - 1);
    default:
      return id;
  }
}

static void
check_argmax_rows (Check *c, guint rows, guint n, guint how, float range)
{
  guint n_results = rows + check_between (c, 0, 3), at, one;
  g_autofree Owl2PassRow *all = g_new0 (Owl2PassRow, rows);
  g_autofree Owl2Result *got = g_new (Owl2Result, n_results);
  CheckBuf *logits, *results;
  OvkSlice scratch;
  Owl2Tensor alone;
  Owl2Rows of;

  check_begin (c, "%u rows of %u logits, spoilt %u", rows, n, how);
  logits = check_in (c, "logits", rows, n, -range, range, check_lie (c));
  at =
      check_between (c, 0, n_results - 1); /* of the first; the others follow */
  for (guint r = 0; r < rows; r++) {
    float *row = logits->val + (gsize) r * n;

    spoil (c, row, n, r % 2 ? how ^ 1 : how);
    all[r].ban = pick_ban (c, row, n);
    if (how != 4 && all[r].ban != OWL2_ROW_NO_BAN && isfinite (row[all[r].ban]))
      row[all[r].ban] += (float) check_between (c, 0, 1) * 3.f * range;
    all[r].result = (at + r) % n_results;
  }
  check_upload (c, logits);
  of = check_rows (c, all, rows);
  results = check_results (c, NULL, n_results);
  scratch = check_slice (check_words (
      c, "scratch", NULL, MAX (owl2_argmax_scratch (rows, n) / 4, 1)));
  owl2_op_argmax (c->cmd, check_slice (results), &logits->t, &of, scratch);
  if (check_run (c)) {
    guint32 guard[4];

    memcpy (got, results->val, n_results * sizeof *got);
    for (guint r = 0; r < rows; r++)
      check_result (
          c, &got[all[r].result], logits->val + (gsize) r * n, n, all[r].ban);
    memcpy (guard, &got[(at + rows) % n_results], sizeof guard);
    if (n_results > rows
        && (guard[0] != guard[1] || guard[0] != guard[2]
            || guard[0] != guard[3]))
      check_fail (c, "a result that is no row's was written");

    one = check_between (c, 0, rows - 1);
    memset (results->val + 4 * all[one].result, 0, sizeof *got);
    check_upload (c, results);
    alone = owl2_tensor_rows (logits->t, one, 1);
    of.first += one;
    owl2_op_argmax (c->cmd, check_slice (results), &alone, &of, scratch);
    if (check_run (c)
        && memcmp (results->val, got, n_results * sizeof *got) != 0)
      check_fail (c, "row %u differs when computed alone", one);
  }
  check_end (c);
}

void
check_argmax (Check *c)
{
  static const guint sizes_n[] = { 1, 2, 127, 128, 129, 512, 32000, 65537,
    262144 };
  guint i;

  for (i = 0; i < 4 * G_N_ELEMENTS (sizes_n) + 12; i++) {
    gboolean fixed = i / 4 < G_N_ELEMENTS (sizes_n);
    guint n = fixed ? sizes_n[i / 4] : check_between (c, 1, 3000);
    guint how = fixed ? i % 4 : i % 5;

    check_argmax_rows (c, i % 3 ? 1 : check_between (c, 1, n > 3000 ? 4 : 17),
        n, how, i % 3 ? 15.f : 200.f);
  }
}

/* What the device made of a row of @n logits and one of their tokens. */
static void
check_pick (
    Check *c, const Owl2Likelihood *got, const float *logits, guint n, guint id)
{
  guint32 largest, n_bad;
  double max, lse, log_p;

  ref_argmax (&largest, &max, &lse, &n_bad, logits, n, OWL2_ROW_NO_BAN);
  if (got->n_bad != n_bad)
    check_fail (c, "%u bad, not %u", got->n_bad, n_bad);
  if (n_bad == n)
    return;
  if ((double) got->max != max
      || memcmp (&got->logit, &logits[id], sizeof got->logit) != 0)
    check_fail (c, "%g of %g, not %g of %g", (double) got->logit,
        (double) got->max, (double) logits[id], max);
  if (!isfinite (logits[id]))
    return;
  log_p = (double) got->logit - got->max - log ((double) got->sum);
  if (!(fabs (log_p - ref_log_probability (logits, n, id))
          <= REF_LOG_PROBABILITY_LIMIT))
    check_fail (c, "log p is %.12g, not %.12g", log_p,
        ref_log_probability (logits, n, id));
}

static void
check_likelihood_rows (
    Check *c, guint rows, guint n, guint n_picks, guint how, float range)
{
  guint first = check_between (c, 0, 20);
  /* As many bytes as whole results. */
  g_autofree Owl2Pick *all = g_new0 (Owl2Pick, 2 * n_picks);
  CheckBuf *logits, *picks, *out;
  const Owl2Likelihood *got;

  check_begin (
      c, "%u rows of %u logits, %u picks, spoilt %u", rows, n, n_picks, how);
  logits = check_in (c, "logits", rows, n, -range, range, check_lie (c));
  for (guint r = 0; r < rows; r++)
    spoil (c, logits->val + (gsize) r * n, n, r % 2 ? how ^ 1 : how);
  check_upload (c, logits);
  /* One of a row that is not here comes now and then. */
  for (guint i = 0; i < n_picks; i++)
    all[i] = (Owl2Pick){ first + check_between (c, 0, i % 5 ? rows - 1 : rows),
      check_between (c, 0, n - 1) };
  picks = check_results (c, (const Owl2Result *) (gpointer) all, n_picks);
  out = check_results (c, NULL, n_picks);
  owl2_op_likelihood (c->cmd, check_slice (out), check_slice (picks), n_picks,
      &logits->t, first);
  if (check_run (c)) {
    got = (const Owl2Likelihood *) (gconstpointer) out->val;
    for (guint i = 0; i < n_picks; i++)
      if (all[i].row - first < rows)
        check_pick (c, &got[i], logits->val + (gsize) (all[i].row - first) * n,
            n, all[i].id);
  }
  check_end (c);
}

void
check_likelihood (Check *c)
{
  static const guint sizes_n[] = { 1, 2, 127, 128, 129, 512, 15000, 32000 };

  for (guint i = 0; i < 4 * G_N_ELEMENTS (sizes_n) + 12; i++) {
    gboolean fixed = i / 4 < G_N_ELEMENTS (sizes_n);
    guint n = fixed ? sizes_n[i / 4] : check_between (c, 1, 3000);

    /* A row fits a binding. */
    if (c->limit)
      n = MIN (n, (guint) c->limit / 4 - 300);
    check_likelihood_rows (c, i % 3 ? check_between (c, 1, 17) : 1, n,
        i % 4 ? check_between (c, 1, 9) : 64, fixed ? i % 4 : i % 5,
        i % 3 ? 15.f : 200.f);
  }
}

void
check_count_bad (Check *c)
{
  static const float bad[] = { NAN, -NAN, INFINITY, -INFINITY };
  guint i, rows, cols;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    guint32 want = 0, all = rows * cols;
    CheckBuf *x, *count;

    check_begin (c, "rows %u cols %u", rows, cols);
    x = check_in (c, "x", rows, cols, -1e30f, 1e30f, check_lie (c));
    for (guint k = 0; k < all; k++) {
      gboolean spoilt = i % 4 == 1   ? check_between (c, 0, 1)
                        : i % 4 == 2 ? k == all - 1
                                     : i % 4 == 3;

      if (spoilt)
        x->val[k] = bad[k % G_N_ELEMENTS (bad)];
      want += spoilt;
    }
    check_upload (c, x);
    count = check_words (c, "count", NULL, 1);
    owl2_op_count_bad (c->cmd, check_slice (count), &x->t);
    if (check_run (c))
      check_compare_words (c, count, &want);
    check_end (c);
  }
}

void
check_pooled_dots (Check *c)
{
  guint i, rows, cols;

  for (i = 0; next_size (c, i, &rows, &cols); i++) {
    /* Both are bound whole. */
    guint most = c->limit
                     ? MIN (rows, ((guint) c->limit / 4 - 256) / (cols + 20))
                     : rows;
    gboolean same = i % 4 == 3;
    double want[3], mag[3];
    CheckBuf *x, *y, *dots;

    check_begin (c, "rows %u cols %u same %d", most, cols, same);
    x = check_in (c, "x", most, cols, -4.f, 5.f, check_lie (c));
    y = same ? x : check_in (c, "y", most, cols, -1.f, 8.f, check_lie (c));
    dots = check_out (c, "dots", 1, 3, LIE_ODD);
    ref_pooled_dots (want, mag, x->val, y->val, most, cols);
    owl2_op_pooled_dots (c->cmd, check_slice (dots), &x->t, &y->t);
    if (check_run (c)) {
      check_compare (c, dots, want, mag, ref_pooled_dots_units (most, cols));
      if (same
          && (dots->val[0] != dots->val[1] || dots->val[0] != dots->val[2]))
        check_fail (c, "%.9g, %.9g and %.9g of the same operand",
            (double) dots->val[0], (double) dots->val[1],
            (double) dots->val[2]);
    }
    check_end (c);
  }
}
