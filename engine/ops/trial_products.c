/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trials of products: of weights, and of attention. */
#include "trial.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ref.h"

/* Columns of weights: more than any workgroup takes at a time, a multiple of
 * all blocks. */
#define MOST_K 1280u
#define MOST_K_PREFILL 512u /* slices there are short */
#define FEW_ROWS 3u

/* Columns of @n kinds, by turns, as rows of @n. */
static float *
by_kinds (Owl2Trial *t, const float *kinds, guint rows, guint cols)
{
  float *val = owl2_trial_alloc (t, (gsize) rows * cols * sizeof (float));

  for (gsize i = 0; i < (gsize) rows * cols; i++)
    val[i] = kinds[i / cols * OWL2_TRIAL_KINDS + i % cols % OWL2_TRIAL_KINDS];
  return val;
}

static float *
random_kinds (Owl2Trial *t, guint rows)
{
  gsize n = (gsize) rows * OWL2_TRIAL_KINDS;
  float *val = owl2_trial_alloc (t, n * sizeof (float));

  for (gsize i = 0; i < n; i++)
    val[i] = owl2_trial_float (t, -4.f, 4.f);
  return val;
}

/* A product as compared: that of the kinds, for each column of its kind. */
static void
compare_product (Owl2Trial *t, const Owl2Subject *s, const char *name,
    const Owl2TrialTensor *out, const float *x, const float *w, guint k,
    const float *bias, const float *residual, gboolean quick_gelu)
{
  guint m = out->t.rows, n = out->t.cols, kinds = OWL2_TRIAL_KINDS;
  double units = ref_matmul_units (k);
  double *want = owl2_trial_alloc (t, (gsize) m * kinds * sizeof *want);
  double *mag = owl2_trial_alloc (t, (gsize) m * kinds * sizeof *mag);
  double *all = owl2_trial_alloc (t, (gsize) m * n * sizeof *all);
  double *all_mag = owl2_trial_alloc (t, (gsize) m * n * sizeof *all_mag);

  ref_matmul (want, mag, x, w, bias, quick_gelu, residual, m, kinds, k);
  if (s->kernel->halves)
    ref_matmul_add_halves (mag, units, x, w, FALSE,
        s->work.type == OWL2_TYPE_F16, quick_gelu, m, kinds, k);
  for (gsize i = 0; i < (gsize) m * n; i++) {
    gsize at = i / n * kinds + i % n % kinds;

    all[i] = want[at];
    all_mag[i] = mag[at];
  }
  owl2_trial_compare (t, name, out, all, all_mag, units);
}

/* Rows and columns of a whole tile and a part of one. */
void
owl2_trial_matmul (Owl2Trial *t, const Owl2Subject *s)
{
  const Owl2Work *work = &s->work;
  Owl2Tile tile = s->kernel->tile (owl2_trial_caps (t), work, s->rows);
  guint m = work->family == OWL2_PREFILL ? tile.rows + 3 : s->rows;
  guint n = tile.cols + 5, kinds = OWL2_TRIAL_KINDS;
  guint most = work->family == OWL2_PREFILL ? MOST_K_PREFILL : MOST_K;
  guint k = work->k <= most                    ? work->k
            : owl2_type_block (work->type) > 1 ? most
                                               : owl2_trial_few (work->k, most);
  /* Of rows that are decoded, their number makes the pipeline. */
  guint few = work->family == OWL2_PREFILL ? MIN (m, FEW_ROWS) : m;
  Owl2TrialTensor x = owl2_trial_in (t, m, k, -2.f, 2.f);
  /* At least all kinds. */
  Owl2TrialTensor w =
      owl2_trial_weight (t, work->type, MAX (n, kinds), k, NULL);
  float *bias = random_kinds (t, 1), *residual = random_kinds (t, m);
  Owl2TrialTensor b = owl2_trial_put (t, 1, n, by_kinds (t, bias, 1, n));
  Owl2TrialTensor r = owl2_trial_put (t, m, n, by_kinds (t, residual, m, n));
  Owl2TrialTensor sum = owl2_trial_out (t, m, n);
  Owl2TrialTensor gelu = owl2_trial_out (t, few, n);

  w.t = owl2_tensor_rows (w.t, 0, n);
  owl2_matmul_piece (owl2_trial_cmd (t), s->kernel, work, &sum.t, &x.t, &w.t,
      &b.t, OWL2_ACT_NONE, &r.t);
  x.t = owl2_tensor_rows (x.t, 0, few);
  owl2_matmul_piece (owl2_trial_cmd (t), s->kernel, work, &gelu.t, &x.t, &w.t,
      NULL, OWL2_ACT_QUICK_GELU, NULL);
  if (!owl2_trial_run (t))
    return;
  compare_product (
      t, s, "x w' + b + r", &sum, x.val, w.val, k, bias, residual, FALSE);
  compare_product (
      t, s, "gelu (x w')", &gelu, x.val, w.val, k, NULL, NULL, TRUE);
}

/* ---- attention -------------------------------------------------------- */

#define HEADS 2u
#define MOST_PAGES 6u

/* Queries of one sequence, whose pages lie in another order; or of no pages.
 * Two heads share keys and values. What none of them sees is no number. */
typedef struct {
  Owl2Attention a;
  RefAttention ref;
  Owl2Rows rows;
  guint32 positions[64], lists[64], pages[MOST_PAGES];
} Attention;

static void
place_in_pages (Owl2Trial *t, const Owl2Subject *s, Attention *in)
{
  guint n_k = in->a.n_k, n = (n_k + OWL2_PAGE - 1) / OWL2_PAGE;
  gsize row = owl2_tensor_bytes (s->type, 1, s->cols) / 4;
  Owl2PassRow table[64] = { { .source = 0 } };
  guint32 *words[2];
  Owl2TrialTensor k, v;

  for (guint i = 0; i < n; i++)
    in->pages[i] = (i + 1) % n + 1; /* page 0 is nobody's */
  k = owl2_trial_weight (t, s->type, (n + 1) * OWL2_PAGE, s->cols, &words[0]);
  v = owl2_trial_weight (t, s->type, (n + 1) * OWL2_PAGE, s->cols, &words[1]);
  for (guint r = 0; r < (n + 1) * OWL2_PAGE; r++) {
    guint page = r / OWL2_PAGE, place = r % OWL2_PAGE;
    gboolean seen = page && ((page + n - 2) % n) * OWL2_PAGE + place < n_k;

    for (gsize i = 0; !seen && i < 2 * row; i++)
      words[i / row][r * row + i % row] =
          s->type == OWL2_TYPE_F32 ? 0x7fc0deadu : 0x7e007e00u;
  }
  for (guint i = 0; i < in->a.n_q; i++) {
    guint far = in->a.n_q - 1 - i;

    in->positions[i] = s->family == OWL2_DECODE && i % 2 ? i : n_k - 1 - far;
    table[i].position = in->positions[i];
  }
  in->rows = owl2_trial_rows (t, table, in->a.n_q);
  in->a.rows = &in->rows;
  in->a.pages = owl2_trial_words (t, in->pages, n);
  in->a.k = k.t;
  in->a.v = v.t;
  in->ref.k = k.val;
  in->ref.v = v.val;
  in->ref.positions = in->positions;
  in->ref.lists = in->lists;
  in->ref.pages = in->pages;
}

static void
make_attention (
    Owl2Trial *t, const Owl2Subject *s, guint n_q, guint n_k, Attention *in)
{
  guint dim = s->cols;
  float scale = 3.f / sqrtf ((float) dim);
  Owl2TrialTensor q = owl2_trial_in (t, n_q, HEADS * dim, -2.f, 2.f);

  *in = (Attention){
    .a = { .family = s->family,
        .q = q.t,
        .n_q = n_q,
        .n_k = n_k,
        .most_keys = s->n_keys > 256 ? MAX (n_k, 257) : n_k,
        .n_heads = HEADS,
        .n_kv_heads = 1,
        .head_dim = dim,
        .q_head_stride = dim,
        .kv_head_stride = dim,
        .scale = scale },
    .ref = { .q = q.val,
        .q_cols = HEADS * dim,
        .k_cols = dim,
        .v_cols = dim,
        .n_q = n_q,
        .n_k = n_k,
        .n_heads = HEADS,
        .n_kv_heads = 1,
        .head_dim = dim,
        .q_head_stride = dim,
        .kv_head_stride = dim,
        .scale = (double) scale },
  };
  if (s->flag) {
    place_in_pages (t, s, in);
  } else {
    Owl2TrialTensor k = owl2_trial_in (t, n_k, dim, -2.f, 2.f);
    Owl2TrialTensor v = owl2_trial_in (t, n_k, dim, -2.f, 2.f);

    in->a.k = k.t;
    in->a.v = v.t;
    in->ref.k = k.val;
    in->ref.v = v.val;
  }
}

void
owl2_trial_attention (Owl2Trial *t, const Owl2Subject *s)
{
  gboolean decode = s->family == OWL2_DECODE;
  guint n_q = decode ? 3 : 37, n_k = !decode ? 70 : s->n_keys > 256 ? 300 : 130;
  guint cols = HEADS * s->cols, n = n_q * cols;
  double *want = owl2_trial_alloc (t, n * sizeof *want);
  double *mag = owl2_trial_alloc (t, n * sizeof *mag);
  double score_mag[HEADS * 64];
  Owl2TrialTensor out = owl2_trial_out (t, n_q, cols);
  Attention in;

  make_attention (t, s, n_q, n_k, &in);
  in.a.out = out.t;
  if (decode)
    in.a.scratch = owl2_trial_scratch (
        t, owl2_attention_scratch (n_q, HEADS, s->cols, in.a.most_keys));
  owl2_op_attention (owl2_trial_cmd (t), &in.a);
  if (!owl2_trial_run (t))
    return;
  ref_attention (want, mag, NULL, score_mag, &in.ref);
  for (guint i = 0; i < n; i++)
    mag[i] *= ref_softmax_units (
        s->cols, n_k, score_mag[i % cols / s->cols * n_q + i / cols]);
  owl2_trial_compare (t, "out", &out, want, mag, 1.0);
}

void
owl2_trial_attention_probs (Owl2Trial *t, const Owl2Subject *s)
{
  guint n_k = owl2_trial_few (s->n_keys, 130), n_q = MIN (n_k, 5);
  guint n = HEADS * n_q * n_k;
  double *want = owl2_trial_alloc (t, n * sizeof *want);
  double *mag = owl2_trial_alloc (t, n * sizeof *mag);
  double score_mag[HEADS * 5];
  Owl2TrialTensor probs = owl2_trial_out (t, HEADS * n_q, n_k);
  Attention in;

  make_attention (t, s, n_q, n_k, &in);
  owl2_op_attention_probs (owl2_trial_cmd (t), &probs.t, &in.a);
  if (!owl2_trial_run (t))
    return;
  ref_attention (NULL, NULL, want, score_mag, &in.ref);
  for (guint i = 0; i < n; i++)
    mag[i] = want[i] * ref_softmax_units (s->cols, n_k, score_mag[i / n_k]);
  owl2_trial_compare (t, "probs", &probs, want, mag, 1.0);
}

/* ---- keys and values to their places ---------------------------------- */

#define PLACED 5u

/* A row of keys or values as the device left it. */
static void
decode_row (
    Owl2Type type, const guint32 *words, guint dim, float *val, float *scales)
{
  const guint16 *halves = (const guint16 *) (gconstpointer) words;
  const gint8 *quants = (const gint8 *) (gconstpointer) words;

  for (guint i = 0; i < dim; i++) {
    scales[i] = 0;
    if (type == OWL2_TYPE_F32) {
      memcpy (&val[i], &words[i], 4);
    } else if (type == OWL2_TYPE_F16) {
      val[i] = ref_half_to_float (halves[i]);
    } else {
      scales[i] = ref_half_to_float (halves[dim / 2 + i / 32]);
      val[i] = scales[i] * (float) quants[i];
    }
  }
}

/* @want, off by @mag units of a rotation (NULL: exact) before it became of the
 * type: a half is off by half of 2^-10 of it, a quant by half of its scale,
 * whose own rounding moves the largest, 127 of them, by a sixteenth more. */
static void
compare_placed (Owl2Trial *t, const char *name, const Owl2Subject *s,
    const guint32 *made, const Owl2PassRow *table, const double *want,
    const double *mag)
{
  gsize row = owl2_tensor_bytes (s->type, 1, s->cols) / 4;
  float *val = owl2_trial_alloc (t, s->cols * sizeof (float));
  float *scales = owl2_trial_alloc (t, s->cols * sizeof (float));

  for (guint r = 0; r < PLACED; r++) {
    decode_row (s->type, made + table[r].kv_row * row, s->cols, val, scales);
    for (guint i = 0; i < s->cols; i++) {
      gsize at = (gsize) r * s->cols + i;
      double size = fabs (want[at]);
      double limit = FLT_MIN + 0.57 * (double) scales[i]
                     + (mag ? REF_ROTATION_UNITS * FLT_EPSILON * mag[at] : 0);

      if (s->type == OWL2_TYPE_F16)
        limit += size * 0x1p-10 + 0x1p-24;
      /* Scales that are wrong, too, are no excuse. */
      if (!(fabs ((double) val[i] - want[at]) <= limit)
          || scales[i] > 8.f / 100) {
        owl2_trial_wrong (t, "%s [%u][%u] is %.9g, not %.9g +- %.3g", name, r,
            i, (double) val[i], want[at], limit);
        return;
      }
    }
  }
}

void
owl2_trial_place_qkv (Owl2Trial *t, const Owl2Subject *s)
{
  enum { POSITIONS = 9, LAYER = OWL2_PAGE };
  static const guint32 modality[PLACED] = { 0, 1, 1, 0, 1 };
  static const guint32 positions[PLACED] = { 8, 0, 3, 1, 7 };
  guint dim = s->cols, q_cols = HEADS * dim;
  gsize row = owl2_tensor_bytes (s->type, 1, dim) / 4;
  Owl2TrialTensor qkv = owl2_trial_in (t, PLACED, q_cols + 2 * dim, -4.f, 4.f);
  Owl2TrialTensor q = owl2_trial_out (t, PLACED, q_cols);
  float *angles = owl2_trial_alloc (t, POSITIONS * dim * sizeof (float));
  double *want = owl2_trial_alloc (t, PLACED * q_cols * sizeof (double));
  double *mag = owl2_trial_alloc (t, PLACED * q_cols * sizeof (double));
  double *k = owl2_trial_alloc (t, PLACED * dim * sizeof (double));
  double *k_mag = owl2_trial_alloc (t, PLACED * dim * sizeof (double));
  double *v = owl2_trial_alloc (t, PLACED * dim * sizeof (double));
  float *v_val = owl2_trial_alloc (t, PLACED * dim * sizeof (float));
  Owl2PassRow table[PLACED] = { { .source = 0 } };
  const guint32 *made[2];
  Owl2Tensor layer = { .type = s->type,
    .rows = LAYER,
    .cols = dim,
    .stride = owl2_tensor_stride (s->type, dim) };
  Owl2PlaceQkv p = { .qkv = qkv.t,
    .q = q.t,
    .k = layer,
    .v = layer,
    .n_heads = HEADS,
    .n_kv_heads = 1 };
  Owl2Rows rows;
  RefPlace ref;

  owl2_rope_table (angles, POSITIONS, dim, 10000.f);
  for (guint i = 0; i < PLACED; i++)
    table[i] = (Owl2PassRow){ .modality = modality[i],
      .position = positions[i],
      .kv_row = (i * 13 + 5) % LAYER };
  rows = owl2_trial_rows (t, table, PLACED);
  p.rows = &rows;
  p.table = owl2_trial_put (t, POSITIONS, dim, angles).t;
  p.k.slice = owl2_trial_made (t, LAYER * row, &made[0]);
  p.v.slice = owl2_trial_made (t, LAYER * row, &made[1]);
  owl2_op_place_qkv (owl2_trial_cmd (t), &p);
  if (!owl2_trial_run (t))
    return;
  ref =
      (RefPlace){ qkv.val, angles, modality, positions, PLACED, HEADS, 1, dim };
  ref_place_qkv (want, mag, k, k_mag, v_val, &ref);
  for (guint i = 0; i < PLACED * dim; i++)
    v[i] = (double) v_val[i];
  owl2_trial_compare (t, "q", &q, want, mag, REF_ROTATION_UNITS);
  compare_placed (t, "k", s, made[0], table, k, k_mag);
  compare_placed (t, "v", s, made[1], table, v, NULL);
}
