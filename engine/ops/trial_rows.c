/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trials of what works row by row. Rows are several workgroups, the last one
 * not full. */
#include "trial.h"

#include <math.h>
#include <string.h>

#include "ref.h"

#define ROWS 5u
#define MOST_COLS 512u

typedef struct {
  double *want, *mag;
} Wanted;

static Wanted
wanted (Owl2Trial *t, gsize n)
{
  return (Wanted){ owl2_trial_alloc (t, n * sizeof (double)),
    owl2_trial_alloc (t, n * sizeof (double)) };
}

void
owl2_trial_add (Owl2Trial *t, const Owl2Subject *s)
{
  guint cols = owl2_trial_few (s->cols, MOST_COLS), b_rows = 2;
  Owl2TrialTensor a = owl2_trial_in (t, ROWS, cols, -4.f, 4.f);
  Owl2TrialTensor b = owl2_trial_in (t, b_rows, cols, -4.f, 4.f);
  Owl2TrialTensor out = owl2_trial_out (t, ROWS, cols);
  float *want = owl2_trial_alloc (t, ROWS * cols * sizeof (float));

  owl2_op_add (owl2_trial_cmd (t), &out.t, &a.t, &b.t);
  if (!owl2_trial_run (t))
    return;
  for (guint i = 0; i < ROWS * cols; i++)
    want[i] = a.val[i] + b.val[i / cols % b_rows * cols + i % cols];
  owl2_trial_compare_words (t, "out", (const guint32 *) out.val,
      (const guint32 *) want, (gsize) ROWS * cols);
}

void
owl2_trial_copy (Owl2Trial *t, const Owl2Subject *s)
{
  guint cols = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor src = owl2_trial_in (t, ROWS, cols, -4.f, 4.f);
  Owl2TrialTensor dst = owl2_trial_out (t, ROWS, cols);

  owl2_op_copy (owl2_trial_cmd (t), &dst.t, &src.t);
  if (owl2_trial_run (t))
    owl2_trial_compare_words (t, "dst", (const guint32 *) dst.val,
        (const guint32 *) src.val, (gsize) ROWS * cols);
}

void
owl2_trial_swiglu (Owl2Trial *t, const Owl2Subject *s)
{
  guint cols = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor gate = owl2_trial_in (t, ROWS, cols, -8.f, 8.f);
  Owl2TrialTensor up = owl2_trial_in (t, ROWS, cols, -4.f, 4.f);
  Owl2TrialTensor out = owl2_trial_out (t, ROWS, cols);
  Wanted w = wanted (t, (gsize) ROWS * cols);

  owl2_op_swiglu (owl2_trial_cmd (t), &out.t, &gate.t, &up.t);
  if (!owl2_trial_run (t))
    return;
  ref_swiglu (w.want, w.mag, gate.val, up.val, (gsize) ROWS * cols);
  owl2_trial_compare (t, "out", &out, w.want, w.mag, REF_SWIGLU_UNITS);
}

void
owl2_trial_layernorm (Owl2Trial *t, const Owl2Subject *s)
{
  guint cols = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor x = owl2_trial_in (t, ROWS, cols, -3.f, 5.f);
  Owl2TrialTensor w = owl2_trial_in (t, 1, cols, -1.f, 1.f);
  Owl2TrialTensor b = owl2_trial_in (t, 1, cols, -1.f, 1.f);
  Owl2TrialTensor out = owl2_trial_out (t, ROWS, cols);
  Wanted want = wanted (t, (gsize) ROWS * cols);

  owl2_op_layernorm (owl2_trial_cmd (t), &out.t, &x.t, &w.t, &b.t, 1e-5f);
  if (!owl2_trial_run (t))
    return;
  ref_layernorm (
      want.want, want.mag, x.val, w.val, b.val, ROWS, cols, (double) 1e-5f);
  owl2_trial_compare (
      t, "out", &out, want.want, want.mag, ref_norm_units (cols));
}

void
owl2_trial_rmsnorm (Owl2Trial *t, const Owl2Subject *s)
{
  static const guint32 modality[ROWS] = { 0, 1, 1, 0, 1 };
  guint cols = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor x = owl2_trial_in (t, ROWS, cols, -4.f, 4.f);
  Owl2TrialTensor w0 = owl2_trial_in (t, 1, cols, -1.f, 1.f);
  Owl2TrialTensor w1 = owl2_trial_in (t, 1, cols, -1.f, 1.f);
  Owl2TrialTensor out = owl2_trial_out (t, ROWS, cols);
  Owl2PassRow table[ROWS] = { { .modality = modality[0] } };
  Wanted want = wanted (t, (gsize) ROWS * cols);
  Owl2Rows rows;

  for (guint i = 0; i < ROWS; i++)
    table[i].modality = modality[i];
  rows = owl2_trial_rows (t, table, ROWS);
  owl2_op_rmsnorm (owl2_trial_cmd (t), &out.t, &x.t, &w0.t, &w1.t,
      s->flag ? &rows : NULL, 1e-5f);
  if (!owl2_trial_run (t))
    return;
  ref_rmsnorm (want.want, want.mag, x.val, w0.val, w1.val,
      s->flag ? modality : NULL, ROWS, cols, (double) 1e-5f);
  owl2_trial_compare (
      t, "out", &out, want.want, want.mag, ref_norm_units (cols));
}

/* Of a row of the table, of a result, and one that stays as it is. */
void
owl2_trial_embed (Owl2Trial *t, const Owl2Subject *s)
{
  enum { TABLE = 17 };
  static const Owl2Result results[] = { { .id = 3 }, { .id = TABLE - 1 } };
  static const Owl2PassRow table[ROWS] = { { .source = TABLE - 1 },
    { .source = OWL2_ROW_RESULT }, { .source = 0 },
    { .source = OWL2_ROW_RESULT | 1 }, { .source = 9 } };
  static const guint ids[ROWS] = { TABLE - 1, 3, 0, TABLE - 1, 9 };
  guint block = MAX (owl2_type_block (s->type), 8);
  guint cols = s->cols <= MOST_COLS ? s->cols
               : owl2_type_block (s->type) > 1
                   ? MOST_COLS / block * block
                   : owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor w = owl2_trial_weight (t, s->type, TABLE, cols, NULL);
  Owl2TrialTensor out = owl2_trial_out (t, ROWS, cols);
  Owl2Rows rows = owl2_trial_rows (t, table, ROWS);

  owl2_op_embed (owl2_trial_cmd (t), &out.t, &w.t, &rows, ROWS,
      owl2_trial_words (t, results, sizeof results / 4));
  if (!owl2_trial_run (t))
    return;
  for (guint r = 0; r < ROWS; r++)
    owl2_trial_compare_words (t, "out",
        (const guint32 *) out.val + (gsize) r * cols,
        (const guint32 *) w.val + (gsize) ids[r] * cols, cols);
}

/* More than a part, so that parts are put together, if the model has such. */
void
owl2_trial_argmax (Owl2Trial *t, const Owl2Subject *s)
{
  enum { N = 3 };
  guint n = s->cols <= 1024 ? s->cols : s->cols <= 65536 ? 1500 : 66000;
  guint rows = n > 1500 ? 2 : N;
  Owl2TrialTensor logits = owl2_trial_in (t, rows, n, -15.f, 15.f);
  Owl2PassRow table[N] = { { .result = 2, .ban = OWL2_ROW_NO_BAN },
    { .result = 0, .ban = n / 2 }, { .result = 1, .ban = OWL2_ROW_NO_BAN } };
  Owl2Rows of = owl2_trial_rows (t, table, rows);
  const guint32 *made;
  OvkSlice results = owl2_trial_made (t, N * sizeof (Owl2Result) / 4, &made);

  owl2_op_argmax (owl2_trial_cmd (t), results, &logits.t, &of,
      owl2_trial_scratch (t, MAX (owl2_argmax_scratch (rows, n), 4)));
  if (!owl2_trial_run (t))
    return;
  for (guint r = 0; r < rows; r++) {
    Owl2Result got;
    guint32 id, n_bad;
    double max, lse;

    memcpy (&got, made + table[r].result * (sizeof got / 4), sizeof got);
    ref_argmax (
        &id, &max, &lse, &n_bad, logits.val + (gsize) r * n, n, table[r].ban);
    if (got.id != id || got.n_bad != n_bad || (double) got.max != max)
      owl2_trial_wrong (t, "row %u: %u (%g), %u bad, not %u (%g), %u bad", r,
          got.id, (double) got.max, got.n_bad, id, max, n_bad);
    if (!(fabs ((double) got.log_sum_exp - lse)
            <= ref_log_sum_exp_limit (n, lse)))
      owl2_trial_wrong (t, "row %u: the sum's logarithm is %.9g, not %.9g", r,
          (double) got.log_sum_exp, lse);
  }
}

void
owl2_trial_likelihood (Owl2Trial *t, const Owl2Subject *s)
{
  enum { N = 4, N_ROWS = 2 };
  guint n = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor logits = owl2_trial_in (t, N_ROWS, n, -15.f, 15.f);
  Owl2Pick picks[N] = { { 7, 0 }, { 8, n - 1 }, { 8, n / 2 }, { 7, n / 3 } };
  const guint32 *made;
  OvkSlice out = owl2_trial_made (t, N * sizeof (Owl2Likelihood) / 4, &made);

  owl2_op_likelihood (owl2_trial_cmd (t), out,
      owl2_trial_words (t, picks, sizeof picks / 4), N, &logits.t, 7);
  if (!owl2_trial_run (t))
    return;
  for (guint i = 0; i < N; i++) {
    const float *row = logits.val + (gsize) (picks[i].row - 7) * n;
    Owl2Likelihood got;
    double log_p, want = ref_log_probability (row, n, picks[i].id);

    memcpy (&got, made + i * (sizeof got / 4), sizeof got);
    log_p = (double) got.logit - (double) got.max - log ((double) got.sum);
    if (got.n_bad || !(fabs (log_p - want) <= REF_LOG_PROBABILITY_LIMIT))
      owl2_trial_wrong (t, "log p of %u is %.9g, %u bad, not %.9g, 0 bad",
          picks[i].id, log_p, got.n_bad, want);
  }
}

void
owl2_trial_count_bad (Owl2Trial *t, const Owl2Subject *s)
{
  static const float bad[] = { NAN, -NAN, INFINITY, -INFINITY };
  guint cols = owl2_trial_few (s->cols, MOST_COLS), n = ROWS * cols, want = 0;
  float *val = owl2_trial_alloc (t, n * sizeof (float));
  const guint32 *made;
  OvkSlice count = owl2_trial_made (t, 1, &made);
  Owl2TrialTensor x;

  for (guint i = 0; i < n; i++)
    val[i] = i % 7 == 3 || i + 1 == n ? bad[i % 4]
                                      : owl2_trial_float (t, -1e30f, 1e30f);
  for (guint i = 0; i < n; i++)
    want += i % 7 == 3 || i + 1 == n;
  x = owl2_trial_put (t, ROWS, cols, val);
  owl2_op_count_bad (owl2_trial_cmd (t), count, &x.t);
  if (owl2_trial_run (t))
    owl2_trial_compare_words (t, "count", made, &want, 1);
}

void
owl2_trial_pooled_dots (Owl2Trial *t, const Owl2Subject *s)
{
  guint cols = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor x = owl2_trial_in (t, ROWS, cols, -4.f, 5.f);
  Owl2TrialTensor y = owl2_trial_in (t, ROWS, cols, -1.f, 8.f);
  Owl2TrialTensor dots = owl2_trial_out (t, 1, 3);
  double want[3], mag[3];
  OvkSlice slice = dots.t.slice;

  slice.offset += dots.t.offset * 4;
  slice.size -= dots.t.offset * 4;
  owl2_op_pooled_dots (owl2_trial_cmd (t), slice, &x.t, &y.t);
  if (!owl2_trial_run (t))
    return;
  ref_pooled_dots (want, mag, x.val, y.val, ROWS, cols);
  owl2_trial_compare (
      t, "dots", &dots, want, mag, ref_pooled_dots_units (ROWS, cols));
}

void
owl2_trial_mean_heads (Owl2Trial *t, const Owl2Subject *s)
{
  enum { HEADS = 3 };
  guint cols = owl2_trial_few (s->cols, MOST_COLS);
  Owl2TrialTensor x = owl2_trial_in (t, HEADS * ROWS, cols, -1.f, 1.f);
  Owl2TrialTensor out = owl2_trial_out (t, ROWS, cols);
  Wanted w = wanted (t, (gsize) ROWS * cols);

  owl2_op_mean_heads (owl2_trial_cmd (t), &out.t, &x.t, HEADS, 0.25f, FALSE);
  if (!owl2_trial_run (t))
    return;
  ref_mean_heads (w.want, w.mag, x.val, NULL, HEADS, ROWS, cols, 0.25);
  owl2_trial_compare (
      t, "out", &out, w.want, w.mag, ref_mean_heads_units (HEADS));
}
