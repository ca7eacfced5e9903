/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"
#include "kernels.h"
#include "ovk_device.h"

#include <math.h>
#include <string.h>

typedef struct {
  guint m, n, k;
} Shape;

/* ---- products of halves ----------------------------------------------- */

static gboolean
makes_halves (Check *c, Owl2Family family, Owl2Type type, Shape s)
{
  Owl2Work work = { family, type, s.n, s.k, FALSE, FALSE };

  return owl2_kernel_choice (&owl2_matmul_kernels, c->caps, &work)->halves;
}

/* Rows of all sizes, each with a scale of its own there; and now and then rows
 * that are halves already, of multiples of 1 / 256, so that products with
 * weights in F16 are exact. TRUE: they are such. */
static gboolean
shape_rows (Check *c, CheckBuf *x)
{
  gboolean exact = check_between (c, 0, 1);

  for (guint i = 0; i < x->t.rows; i++) {
    int power = (int) check_between (c, 0, 80) - 40;

    for (guint l = 0; l < x->t.cols; l++) {
      float *v = &x->val[(gsize) i * x->t.cols + l];

      if (exact)
        *v = roundf (*v * 256) / 256;
      /* One row in 81 is of zeros. */
      *v = power == 40 ? 0.f : ldexpf (*v, power);
    }
  }
  check_upload (c, x);
  return exact;
}

/* ----------------------------------------------------------------------- */

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
  gboolean halves = makes_halves (c, family, type, s), exact = FALSE;
  CheckBuf *x, *w, *bias, *r = NULL, *out;
  g_autofree double *want = g_new (double, (gsize) s.m *s.n);
  g_autofree double *mag = g_new (double, (gsize) s.m *s.n);
  g_autofree float *r_val = NULL;

  check_begin (c, "%s %s m %u n %u k %u bias %d act %u residual %u x lies %u",
      owl2_family_name (family), owl2_type_name (type), s.m, s.n, s.k, has_bias, act, residual, x_lie);
  x = check_in (c, "x", s.m, s.k, -2.f, 2.f, x_lie);
  w = check_weight (c, "w", type, s.n, s.k, -1.f, 1.f);
  if (halves)
    exact = shape_rows (c, x);
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
    if (halves)
      ref_matmul_add_halves (mag, ref_matmul_units (s.k), x->val, w->val, exact,
          type == OWL2_TYPE_F16, act == OWL2_ACT_QUICK_GELU, s.m, s.n, s.k);
    check_compare (c, out, want, mag, ref_matmul_units (s.k));
    if (!has_bias && act == OWL2_ACT_NONE && !r)
      check_rows_alone (c, family, x, w, out);
  }
  check_end (c);
}

/* What is no number in a row of x shows in each result of that row, and in no
 * other. */
static void
check_bad_row (Check *c, float bad)
{
  const Shape s = { 3, 70, 40 };
  CheckBuf *x, *w, *out;

  check_begin (c, "a row with %g", bad);
  x = check_in (c, "x", s.m, s.k, 1.f, 2.f, LIE_PACKED);
  w = check_weight (c, "w", OWL2_TYPE_F16, s.n, s.k, 1.f, 2.f);
  x->val[s.k + 7] = bad;
  check_upload (c, x);
  out = check_out (c, "out", s.m, s.n, LIE_PACKED);
  owl2_op_matmul (
      c->cmd, OWL2_PREFILL, &out->t, &x->t, &w->t, NULL, OWL2_ACT_NONE, NULL);
  if (check_run (c))
    for (guint i = 0; i < s.m * s.n; i++)
      if (!isfinite (out->val[i]) != (i / s.n == 1))
        check_fail (c, "out [%u][%u] is %g", i / s.n, i % s.n, out->val[i]);
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
  const guint step = check_step (c);
  guint i;

  for (i = check_between (c, 0, step - 1); i < G_N_ELEMENTS (shapes);
       i += step) {
    check_case (c, shapes[i], OWL2_TYPE_F32);
    check_case (c, shapes[i], OWL2_TYPE_F16);
  }
  for (i = 0; i < (c->thorough ? 60 : 20 / step); i++) {
    Shape s = { check_between (c, 1, i % 3 ? 12 : 150),
      check_between (c, 1, 150), check_between (c, 1, 200) };

    check_case (c, s, i % 2 ? OWL2_TYPE_F16 : OWL2_TYPE_F32);
  }
  check_bad_row (c, NAN);
  check_bad_row (c, -INFINITY);
  /* Quantised rows are whole blocks. */
  for (i = 0; i < (c->thorough ? 80 : 32 / step); i++) {
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

/* The wide kernel as it is for a GPU, whose code is another, and with subgroups
 * of which it was told the wrong size: the same bits. */
static void
check_wide (Check *c, Shape s, Owl2Type type)
{
  static const struct {
    gboolean is_gpu;
    guint subgroup; /* 0: as it is */
  } ways[] = { { FALSE, 0 }, { TRUE, 0 }, { TRUE, 2 } };
  const OvkCaps own = *c->caps;
  g_autofree float *first = NULL;
  CheckBuf *x, *w;

  check_begin (c, "%s m %u n %u k %u", owl2_type_name (type), s.m, s.n, s.k);
  x = check_in (c, "x", s.m, s.k, -2.f, 2.f, LIE_PACKED);
  w = check_weight (c, "w", type, s.n, s.k, -1.f, 1.f);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    CheckBuf *out = check_out (c, "out", s.m, s.n, LIE_PACKED);
    gsize bytes = (gsize) s.m * s.n * sizeof (float);
    OvkCaps *caps = &c->dev->gpu.caps;

    if (ways[i].is_gpu)
      caps->type = VK_PHYSICAL_DEVICE_TYPE_OTHER;
    if (ways[i].subgroup)
      caps->subgroup_size = ways[i].subgroup;
    owl2_op_matmul (
        c->cmd, OWL2_DECODE, &out->t, &x->t, &w->t, NULL, OWL2_ACT_NONE, NULL);
    *caps = own;
    if (!check_run (c))
      break;
    if (!first)
      first = g_memdup2 (out->val, bytes);
    else if (memcmp (first, out->val, bytes) != 0)
      check_fail (c, "way %u gives other bits than the first", i);
  }
  check_end (c);
}

/* As on a GPU: this device keeps halves below the normal range, or another
 * kernel would be taken. */
static void
check_self_test (Check *c)
{
  const Owl2Work work = { OWL2_DECODE, OWL2_TYPE_Q4_K, 1, 2048, TRUE, FALSE };
  const Owl2Kernel *wide = owl2_kernel_find ("matmul_mv_wide", NULL);
  const OvkCaps own = *c->caps;
  OvkCaps *caps = &c->dev->gpu.caps;
  g_autoptr (GError) error = NULL;
  const Owl2Kernel *kernel;

  check_begin (c, "self-test");
  caps->type = VK_PHYSICAL_DEVICE_TYPE_OTHER;
  owl2_kernels_force (wide);
  if (!owl2_ops_self_test (c->dev, &error))
    check_fail (c, "%s", error->message);
  if (caps->flushes_halves)
    check_fail (c, "halves are taken as flushed");
  owl2_kernels_force (NULL);
  caps->flushes_halves = FALSE;
  kernel = owl2_kernel_choice (&owl2_matmul_kernels, caps, &work);
  caps->flushes_halves = TRUE;
  if (kernel != wide
      || owl2_kernel_choice (&owl2_matmul_kernels, caps, &work) == wide)
    check_fail (c, "what is seen changes no choice");
  *caps = own;
  check_end (c);
}

void
check_matmul_wide (Check *c)
{
  static const Shape shapes[] = { { 1, 9, 4200 }, { 4, 5, 300 } };

  /* Drivers for a CPU take long to compile it as for a GPU: several rows of x
   * are for every other type. */
  if (!c->caps->subgroup_shuffle || !c->thorough)
    return;
  check_self_test (c);
  owl2_kernels_force (owl2_kernel_find ("matmul_mv_wide", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (guint t = i; t < owl2_n_types (); t += i + 1) {
      Shape s = shapes[i];

      if (!c->all && check_between (c, 0, 2) > 0)
        continue;
      s.k = (s.k + owl2_type_at (t)->block - 1) / owl2_type_at (t)->block
            * owl2_type_at (t)->block;
      check_wide (c, s, owl2_type_at (t)->type);
    }
  owl2_kernels_force (NULL);
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
