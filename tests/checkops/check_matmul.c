/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <math.h>
#include <string.h>

/* A sum of k terms in any order is off by about sqrt (k) roundings of half a
 * unit (Higham, Mary 2019), twice that nearly never; 8 for bias, activation,
 * residual and very short sums. */
static double
units_of_sum (guint k)
{
  return sqrt (k) + 8.0;
}

typedef struct {
  guint m, n, k;
} Shape;

/* A row's result is the same to the bit among other rows and with fewer. */
static void
check_rows_alone (Check *c, Owl2Family family, const CheckBuf *x,
    const CheckBuf *w, const CheckBuf *out)
{
  guint m = out->t.rows, n = out->t.cols;
  guint first = check_between (c, 0, m - 1);
  guint rows = check_between (c, 1, MIN (m - first, 3));
  g_autofree float *all = g_memdup2 (out->val, (gsize) m * n * sizeof (float));
  CheckBuf *few = check_out (c, "few rows", rows, n, check_lie (c));
  Owl2Tensor part = owl2_tensor_rows (x->t, first, rows);

  owl2_op_matmul (
      c->cmd, family, &few->t, &part, &w->t, NULL, OWL2_ACT_NONE, NULL);
  if (check_run (c)
      && memcmp (
          few->val, all + (gsize) first * n, (gsize) rows * n * sizeof (float)))
    check_fail (c, "rows %u to %u of %u differ when computed alone", first,
        first + rows - 1, m);
}

static void
check_case (Check *c, Shape s, Owl2Type type)
{
  Owl2Family family = check_between (c, 0, 1) ? OWL2_DECODE : OWL2_PREFILL;
  gboolean has_bias = check_between (c, 0, 1);
  guint residual = check_between (c, 0, 2); /* none, another, out */
  Owl2Act act =
      check_between (c, 0, 2) == 0 ? OWL2_ACT_QUICK_GELU : OWL2_ACT_NONE;
  CheckLie x_lie = check_lie (c);
  CheckBuf *x, *w, *bias, *r = NULL, *out;
  g_autofree double *want = g_new (double, (gsize) s.m *s.n);
  g_autofree double *mag = g_new (double, (gsize) s.m *s.n);
  g_autofree float *r_val = NULL;

  check_begin (c, "%s %s m %u n %u k %u bias %d act %u residual %u x lies %u",
      family == OWL2_DECODE ? "decode" : "prefill", owl2_type_name (type), s.m,
      s.n, s.k, has_bias, act, residual, x_lie);
  x = check_in (c, "x", s.m, s.k, -2.f, 2.f, x_lie);
  w = check_weight (c, "w", type, s.n, s.k, -1.f, 1.f);
  bias = check_in (c, "bias", 1, s.n, -4.f, 4.f, check_lie (c));
  if (residual == 1)
    r = check_in (c, "residual", s.m, s.n, -4.f, 4.f, check_lie (c));
  out = residual == 2
            ? check_inout (c, "out", s.m, s.n, -4.f, 4.f, check_lie (c))
            : check_out (c, "out", s.m, s.n, check_lie (c));
  if (residual == 2)
    r = out;
  if (r)
    r_val = g_memdup2 (r->val, (gsize) s.m * s.n * sizeof (float));

  owl2_op_matmul (c->cmd, family, &out->t, &x->t, &w->t,
      has_bias ? &bias->t : NULL, act, r ? &r->t : NULL);
  if (check_run (c)) {
    ref_matmul (want, mag, x->val, w->val, has_bias ? bias->val : NULL,
        act == OWL2_ACT_QUICK_GELU, r_val, s.m, s.n, s.k);
    check_compare (c, out, want, mag, units_of_sum (s.k));
    if (!has_bias && act == OWL2_ACT_NONE && !r)
      check_rows_alone (c, family, x, w, out);
  }
  check_end (c);
}

void
check_matmul (Check *c)
{
  static const Shape shapes[] = {
    { 1, 1, 1 },
    { 1, 1, 7 },
    { 1, 4, 64 },
    { 2, 3, 5 },
    { 3, 17, 33 },
    { 4, 64, 100 },
    { 5, 5, 5 },
    { 7, 131, 257 },
    { 8, 65, 129 },
    { 9, 8, 8 },
    { 9, 9, 9 },
    { 13, 37, 41 },
    { 16, 64, 588 },
    { 17, 192, 64 },
    { 31, 33, 100 },
    { 32, 32, 32 },
    { 33, 31, 35 },
    { 36, 128, 512 },
    { 49, 96, 256 },
    { 61, 256, 96 },
    { 63, 65, 67 },
    { 64, 64, 64 },
    { 65, 65, 65 },
    { 65, 1, 3 },
    { 127, 129, 31 },
    { 129, 127, 17 },
    { 257, 3, 5 },
    { 1, 512, 96 },
    { 1, 1000, 1024 },
    { 2, 512, 2048 },
    { 300, 1, 1 },
    { 20, 300, 1000 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (shapes); i++) {
    check_case (c, shapes[i], OWL2_TYPE_F32);
    check_case (c, shapes[i], OWL2_TYPE_F16);
  }
  for (i = 0; i < (c->thorough ? 60 : 20); i++) {
    Shape s = { check_between (c, 1, i % 3 ? 12 : 150),
      check_between (c, 1, 150), check_between (c, 1, 200) };

    check_case (c, s, i % 2 ? OWL2_TYPE_F16 : OWL2_TYPE_F32);
  }
  /* Quantised rows are whole blocks. */
  for (i = 0; i < (c->thorough ? 80 : 32); i++) {
    const Owl2TypeInfo *type = owl2_type_at (i % owl2_n_types ());
    Shape s = { check_between (c, 1, i % 3 ? 12 : 150),
      check_between (c, 1, 150),
      type->block * check_between (c, 1, MAX (640 / type->block, 4)) };

    if (type->block > 1)
      check_case (c, s, type->type);
  }
  if (c->limit) {
    check_case (c, (Shape){ 3, 300, 288 }, OWL2_TYPE_Q8_0);
    check_case (c, (Shape){ 20, 300, 512 }, OWL2_TYPE_Q4_K);
    /* Rows of w, and of x and out, in several bindings. */
    check_case (c, (Shape){ 3, 300, 129 }, OWL2_TYPE_F32);
    check_case (c, (Shape){ 300, 129, 100 }, OWL2_TYPE_F16);
  } else if (c->thorough) {
    check_case (c, (Shape){ 1, 4096, 4096 }, OWL2_TYPE_F16);
    check_case (c, (Shape){ 70, 100, 4096 }, OWL2_TYPE_F16);
  }
}

void
check_matmul_mam (Check *c)
{
  guint i;

  for (i = 0; i < 12; i++) {
    guint m = check_between (c, 1, 80), n = check_between (c, 1, 70);
    guint k = check_between (c, 1, 100), n_runs = 0, at, r;
    Owl2Type type = i % 2 ? OWL2_TYPE_F16 : OWL2_TYPE_F32;
    Owl2Run runs[8];
    CheckBuf *x, *w0, *w1, *out;
    const Owl2Tensor *w[2];
    g_autofree double *want = g_new (double, (gsize) m *n);
    g_autofree double *mag = g_new (double, (gsize) m *n);

    check_begin (c, "%s m %u n %u k %u", owl2_type_name (type), m, n, k);
    x = check_in (c, "x", m, k, -2.f, 2.f, check_lie (c));
    w0 = check_weight (c, "w0", type, n, k, -1.f, 1.f);
    w1 = check_weight (c, "w1", type, n, k, -1.f, 1.f);
    out = check_out (c, "out", m, n, check_lie (c));
    for (at = 0; at < m; at += runs[n_runs++].n) {
      runs[n_runs].first = at;
      runs[n_runs].n = n_runs == 7 ? m - at : check_between (c, 1, m - at);
      runs[n_runs].modality = check_between (c, 0, 1);
    }
    w[0] = &w0->t;
    w[1] = &w1->t;
    owl2_op_matmul_mam (c->cmd, i % 3 ? OWL2_PREFILL : OWL2_DECODE, &out->t,
        &x->t, w, runs, n_runs);
    if (check_run (c)) {
      for (r = 0; r < n_runs; r++)
        ref_matmul (want + runs[r].first * n, mag + runs[r].first * n,
            x->val + runs[r].first * k, runs[r].modality ? w1->val : w0->val,
            NULL, 0, NULL, runs[r].n, n, k);
      check_compare (c, out, want, mag, units_of_sum (k));
    }
    check_end (c);
  }
}

/* Every finite half, subnormals too, comes through exactly: as a weight times
 * one, by each of the kernels, and from an embedding table. */
void
check_half (Check *c)
{
  static const guint ms[] = { 1, 64 };
  static const Owl2Family families[] = { OWL2_DECODE, OWL2_PREFILL };
  guint i, n = 63 * 1024 + 1, j;

  /* With a lowered range a row of 64513 would not fit. */
  for (i = c->limit ? G_N_ELEMENTS (ms) : 0; i <= G_N_ELEMENTS (ms); i++) {
    gboolean embed = i == G_N_ELEMENTS (ms);
    guint m = embed ? 0 : ms[i];
    guint cols = 256, rows = 65536 / cols;
    g_autofree Owl2PassRow *table = g_new0 (Owl2PassRow, 256);
    const Owl2Result none = { .id = 0 };
    CheckBuf *w, *x, *out;
    Owl2Rows of;

    check_begin (c, embed ? "embed" : "matmul with %u rows", m);
    /* A half in each row's first column, zeros behind; or full rows. */
    w = embed ? check_weight (c, "table", OWL2_TYPE_F16, rows, cols, 0.f, 0.f)
              : check_weight (c, "w", OWL2_TYPE_F16, n, 1, 0.f, 0.f);
    for (j = 0; j < (embed ? 65536 : n); j++) {
      guint half = embed ? j : j + (j > 0x7bff ? 1024 : 0);

      if ((half & 0x7c00) == 0x7c00)
        half = 0;
      ((guint16 *) w->host)[embed ? j : j * w->t.stride] = (guint16) half;
      w->val[j] = ref_half_to_float ((guint16) half);
    }
    if (!ovk_slice_write (c->dev, w->t.slice, w->host, w->words * 4, NULL))
      check_fail (c, "writing the halves failed");
    if (embed) {
      for (j = 0; j < rows; j++)
        table[j].source = j;
      of = check_rows (c, table, rows);
      out = check_out (c, "out", rows, cols, LIE_PACKED);
      owl2_op_embed (c->cmd, &out->t, &w->t, &of, rows,
          check_slice (check_results (c, &none, 1)));
    } else {
      x = check_in (c, "x", m, 1, 1.f, 1.f, LIE_PACKED);
      out = check_out (c, "out", m, n, LIE_PACKED);
      owl2_op_matmul (c->cmd, families[i], &out->t, &x->t, &w->t, NULL,
          OWL2_ACT_NONE, NULL);
    }
    if (check_run (c)) {
      gsize k, all = (gsize) out->t.rows * out->t.cols;

      for (k = 0; k < all; k++) {
        float want = w->val[embed ? k : k % n];

        if (out->val[k] != want) {
          check_fail (c, "a half of %.9g is read as %.9g", want, out->val[k]);
          break;
        }
      }
    }
    check_end (c);
  }
}
