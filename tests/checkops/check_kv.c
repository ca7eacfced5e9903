/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <math.h>
#include <string.h>

/* Floats that are hard to round to halves: ties, the largest half and what
 * follows it, halves below 2^-14 and below 2^-24, no numbers. */
static float
hard_float (Check *c)
{
  static const float values[] = { 0.f, -0.f, 1.f, 65504.f, 65519.996f, 65520.f,
    -1e30f, 0x1p-14f, 0x1.ffcp-15f, 0x1.ffep-15f, 0x1p-24f, 0x1p-25f,
    0x1.000002p-25f, 0x1.8p-24f, 0x1p-149f, INFINITY, -INFINITY, NAN };
  guint pick = check_between (c, 0, 99);
  float x;

  if (pick < G_N_ELEMENTS (values))
    return values[pick];
  if (pick < 50) /* a tie, or one unit beside it */
    return ldexpf ((float) (8196 + 8 * check_between (c, 0, 1023))
                       + 0.0009765625f * (float) check_between (c, 0, 2)
                       - 0.0009765625f,
        (int) check_between (c, 0, 20) - 16);
  x = ldexpf (check_float (c, 1.f, 2.f), (int) check_between (c, 0, 44) - 28);
  return pick % 2 ? x : -x;
}

/* Bits of the half that a finite float saturates at, and no numbers stay. */
static guint16
want_half (float x)
{
  guint16 h = ref_half_from_float (x);

  if (isnan (x))
    return signbit (x) ? 0xfe00 : 0x7e00;
  return isfinite (x) && (h & 0x7fff) == 0x7c00 ? h - 1 : h;
}

static void
want_f16 (guint32 *want, const float *x, guint dim)
{
  for (guint i = 0; i < dim; i += 2)
    want[i / 2] = want_half (x[i])
                  | (i + 1 < dim ? (guint32) want_half (x[i + 1]) << 16 : 0);
}

/* One block: the scale is the half of the largest magnitude / 127, where that
 * product may be off by two units of its last place; the quants are the nearest
 * to x / scale, where quotient and product may be off by four. */
static void
check_block (Check *c, const float *x, const gint8 *q, guint16 scale)
{
  float top = 0.f, d, s = ref_half_to_float (scale);
  gboolean finite = TRUE;

  for (guint i = 0; i < 32; i++) {
    finite = finite && isfinite (x[i]);
    top = fmaxf (top, fabsf (x[i]));
  }
  if (!finite) {
    if (scale != 0x7e00)
      check_fail (c, "the scale of what is no number is %04x", scale);
    return;
  }
  d = top / 127.f;
  if (scale < want_half (d * (1.f - 0x1p-22f))
      || scale > want_half (d * (1.f + 0x1p-22f))) {
    check_fail (c, "the scale of %.9g is %.9g", (double) top, (double) s);
    return;
  }
  for (guint i = 0; i < 32; i++) {
    double want = s > 0.f ? CLAMP ((double) x[i] / s, -127.0, 127.0) : 0.0;

    if (!(fabs (q[i] - want) <= 0.5 + 127 * 4 * 0x1p-24)) {
      check_fail (c, "the quant of %.9g is %d, not %.6f (scale %.9g)",
          (double) x[i], q[i], want, (double) s);
      return;
    }
  }
}

static void
check_q8_0_row (Check *c, const guint32 *got, const float *x, guint dim)
{
  for (guint b = 0; b < dim / 32; b++)
    check_block (c, x + 32 * b, (const gint8 *) got + 32 * b,
        ((const guint16 *) got)[dim / 2 + b]);
  if (dim / 32 % 2 && ((const guint16 *) got)[dim / 2 + dim / 32])
    check_fail (c, "the half after the last scale is not 0");
}

typedef struct {
  guint rows, heads, dim, n_pages;
  Owl2Type type;
} Shape;

/* Distinct places in any order. */
static void
pick_places (Check *c, const Shape *s, Owl2PassRow *all)
{
  guint n = s->n_pages * OWL2_PAGE;
  g_autofree guint32 *places = g_new (guint32, n);

  for (guint i = 0; i < n; i++)
    places[i] = i;
  for (guint i = 0; i < s->rows; i++) {
    guint other = check_between (c, i, n - 1);

    all[i].kv_row = places[other];
    places[other] = places[i];
  }
}

/* Row of a layer that head @h of a place takes. */
static gsize
row_of (const Shape *s, guint32 place, guint h)
{
  return ((gsize) (place / OWL2_PAGE) * s->heads + h) * OWL2_PAGE
         + place % OWL2_PAGE;
}

static void
fill (Check *c, CheckBuf *src, const Shape *s)
{
  guint n = s->rows * s->heads * s->dim;

  /* In Q8_0 one number of that kind spoils 32. */
  for (guint i = 0; i < n; i++) {
    guint block = i / 32;

    if (s->type != OWL2_TYPE_Q8_0 || block % 5 == 4)
      src->val[i] = hard_float (c);
    else if (block % 5 == 3)
      src->val[i] = check_float (c, -1e-5f, 1e-5f) * (float) (i / 64 % 2);
    else
      src->val[i] = check_float (c, -4.f, 4.f);
  }
  check_upload (c, src);
}

/* Words of a row that hold something. */
static guint
used_words (const Shape *s)
{
  if (s->type == OWL2_TYPE_Q8_0)
    return s->dim / 4 + (s->dim / 32 + 1) / 2;
  return s->type == OWL2_TYPE_F16 ? (s->dim + 1) / 2 : s->dim;
}

/* Every word of the layer: those of the rows, and all others as they were. */
static void
compare (Check *c, const CheckBuf *dst, const guint32 *before,
    const CheckBuf *src, const Shape *s, const Owl2PassRow *all)
{
  guint row = dst->t.cols; /* words */
  guint used = used_words (s);
  g_autofree guint32 *want = g_memdup2 (before, row * dst->t.rows * 4);

  for (guint r = 0; r < s->rows; r++)
    for (guint h = 0; h < s->heads; h++) {
      gsize at = row_of (s, all[r].kv_row, h) * row;
      const float *x = src->val + ((gsize) r * s->heads + h) * s->dim;

      if (s->type == OWL2_TYPE_F32) {
        memcpy (want + at, x, s->dim * 4);
      } else if (s->type == OWL2_TYPE_F16) {
        want_f16 (want + at, x, s->dim);
      } else {
        check_q8_0_row (c, dst->host + dst->t.offset + at, x, s->dim);
        memcpy (want + at, dst->host + dst->t.offset + at, used * 4);
      }
    }
  check_compare_words (c, dst, want);
}

/* A row that was stored once more, alone; what pads rows is never written. */
static void
compare_alone (Check *c, const CheckBuf *dst, const guint32 *among,
    const Shape *s, guint32 place)
{
  guint row = dst->t.cols, used = used_words (s);

  for (guint h = 0; h < s->heads; h++) {
    gsize at = row_of (s, place, h) * row;

    if (memcmp (dst->host + dst->t.offset + at, among + at, used * 4) != 0)
      check_fail (c, "head %u at %u differs when stored alone", h, place);
  }
}

static void
check_shape (Check *c, const Shape *s)
{
  guint row = (guint) owl2_tensor_bytes (s->type, 1, s->dim) / 4;
  CheckBuf *src, *dst;
  g_autofree guint32 *before = NULL;
  g_autofree guint32 *among = NULL;
  g_autofree Owl2PassRow *all = g_new0 (Owl2PassRow, s->rows);
  Owl2Tensor layer, alone;
  Owl2Rows of;

  check_begin (c, "%s rows %u heads %u of %u into %u pages",
      owl2_type_name (s->type), s->rows, s->heads, s->dim, s->n_pages);
  pick_places (c, s, all);
  of = check_rows (c, all, s->rows);
  src =
      check_in (c, "src", s->rows, s->heads * s->dim, 0.f, 0.f, check_lie (c));
  fill (c, src, s);
  dst = check_out (
      c, "layer", s->n_pages * s->heads * OWL2_PAGE, row, LIE_PACKED);
  before = g_memdup2 (dst->host, (gsize) row * dst->t.rows * 4);
  layer = (Owl2Tensor){ .slice = dst->t.slice,
    .type = s->type,
    .rows = dst->t.rows,
    .cols = s->dim,
    .stride = owl2_tensor_stride (s->type, s->dim) };
  owl2_op_kv_store (c->cmd, &layer, &src->t, s->heads, &of);
  if (check_run (c)) {
    guint one = check_between (c, 0, s->rows - 1);

    compare (c, dst, before, src, s, all);
    among =
        g_memdup2 (dst->host + dst->t.offset, (gsize) row * dst->t.rows * 4);
    for (guint h = 0; h < s->heads; h++)
      memset (dst->val + row_of (s, all[one].kv_row, h) * row, 0, row * 4);
    check_upload (c, dst);
    alone = owl2_tensor_rows (src->t, one, 1);
    of.first += one;
    owl2_op_kv_store (c->cmd, &layer, &alone, s->heads, &of);
    if (check_run (c))
      compare_alone (c, dst, among, s, all[one].kv_row);
  }
  check_end (c);
}

void
check_kv_store (Check *c)
{
  static const guint dims[] = { 64, 5, 128, 32, 96, 16, 1, 256, 80, 33 };
  static const Owl2Type types[] = { OWL2_TYPE_F32, OWL2_TYPE_F16,
    OWL2_TYPE_Q8_0 };
  guint i;

  for (i = 0; i < 90; i++) {
    Shape s = { .type = types[i % 3],
      .dim = dims[i / 3 % G_N_ELEMENTS (dims)],
      .heads = check_between (c, 1, 5),
      .rows = i % 4 ? check_between (c, 1, 40) : 1,
      .n_pages = check_between (c, 1, 3) };

    if (s.type == OWL2_TYPE_Q8_0 && s.dim % 32)
      s.dim = 160;
    /* A layer is bound whole. */
    if (!c->limit
        || (gsize) s.heads * s.n_pages * OWL2_PAGE * (s.dim + 4) * 4 + 4096
               < c->limit)
      check_shape (c, &s);
  }
}
