/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <float.h>
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
  guint rows, heads, kv_heads, dim, n_pages, n_pos;
  Owl2Type type;
} Shape;

/* What goes in, and what is to come out of it. */
typedef struct {
  CheckBuf *qkv, *table;
  Owl2PassRow *all;
  guint32 *modality, *positions;
  double *q, *q_mag, *k, *k_mag; /* [rows][heads or kv_heads * dim] */
  float *v;
  float *k_made; /* the device's, in F32 */
} Inputs;

static void
inputs_clear (Inputs *in)
{
  g_free (in->all);
  g_free (in->modality);
  g_free (in->positions);
  g_free (in->q);
  g_free (in->q_mag);
  g_free (in->k);
  g_free (in->k_mag);
  g_free (in->v);
  g_free (in->k_made);
}

static gsize
kv_size (const Shape *s)
{
  return (gsize) s->rows * s->kv_heads * s->dim;
}

/* Rows of either modality at any position, in distinct places in any order. */
static void
pick_rows (Check *c, const Shape *s, Inputs *in)
{
  guint n = s->n_pages * OWL2_PAGE;
  g_autofree guint32 *places = g_new (guint32, n);

  in->all = g_new0 (Owl2PassRow, s->rows);
  in->modality = g_new (guint32, s->rows);
  in->positions = g_new (guint32, s->rows);
  for (guint i = 0; i < n; i++)
    places[i] = i;
  for (guint i = 0; i < s->rows; i++) {
    guint other = check_between (c, i, n - 1);

    in->all[i].kv_row = places[other];
    places[other] = places[i];
    in->all[i].modality = in->modality[i] = check_between (c, 0, 1);
    in->all[i].position = in->positions[i] = check_between (c, 0, s->n_pos - 1);
  }
}

/* Row of a layer that head @h of a place takes. */
static gsize
row_of (const Shape *s, guint32 place, guint h)
{
  return ((gsize) (place / OWL2_PAGE) * s->kv_heads + h) * OWL2_PAGE
         + place % OWL2_PAGE;
}

/* Values are hard; keys are numbers, which are rotated, some past the largest
 * half. In Q8_0 one number of the hard kind spoils 32. */
static void
fill (Check *c, const Shape *s, Inputs *in)
{
  guint q_cols = s->heads * s->dim, kv_cols = s->kv_heads * s->dim;
  guint cols = q_cols + 2 * kv_cols;

  for (guint r = 0; r < s->rows; r++) {
    float *row = in->qkv->val + (gsize) r * cols;
    float *k = row + (in->modality[r] ? 0 : q_cols), *v = k + kv_cols;

    for (guint i = 0; i < cols; i++)
      row[i] = check_float (c, -4.f, 4.f);
    for (guint i = 0; i < kv_cols; i++) {
      guint block = (r * kv_cols + i) / 32;

      if (block % 7 == 6)
        k[i] *= 30000.f;
      if (s->type != OWL2_TYPE_Q8_0 || block % 5 == 4)
        v[i] = hard_float (c);
      else if (block % 5 == 3)
        v[i] = check_float (c, -1e-5f, 1e-5f) * (float) (i / 64 % 2);
    }
  }
  check_upload (c, in->qkv);
}

/* The angle is rounded three times: power, quotient, product. */
static void
make_table (Check *c, const Shape *s, Inputs *in)
{
  gsize n = (gsize) s->n_pos * s->dim;
  float base = s->rows % 3 ? 10000.f : 500000.f;
  g_autofree double *exact = g_new (double, n);

  in->table = check_in (c, "table", s->n_pos, s->dim, 0.f, 0.f,
      s->heads % 2 ? LIE_PACKED : LIE_ALIGNED);
  owl2_rope_table (in->table->val, s->n_pos, s->dim, base);
  check_upload (c, in->table);
  ref_rope_table (exact, s->n_pos, s->dim, (double) base);
  for (gsize j = 0; j < n; j++)
    if (!(fabs (exact[j] - in->table->val[j])
            <= (2.5 * (double) (j / s->dim) + 1.0) * FLT_EPSILON))
      check_fail (c, "table [%u][%u] is %.9g, not %.9g", (guint) (j / s->dim),
          (guint) (j % s->dim), (double) in->table->val[j], exact[j]);
}

static void
make_inputs (Check *c, const Shape *s, Inputs *in)
{
  gsize n_q = (gsize) s->rows * s->heads * s->dim, n_kv = kv_size (s);
  RefPlace ref;

  pick_rows (c, s, in);
  in->qkv = check_in (c, "qkv", s->rows, (s->heads + 2 * s->kv_heads) * s->dim,
      0.f, 0.f, check_lie (c));
  fill (c, s, in);
  make_table (c, s, in);
  in->q = g_new (double, n_q);
  in->q_mag = g_new (double, n_q);
  in->k = g_new (double, n_kv);
  in->k_mag = g_new (double, n_kv);
  in->v = g_new (float, n_kv);
  in->k_made = g_new (float, n_kv);
  ref = (RefPlace){ in->qkv->val, in->table->val, in->modality, in->positions,
    s->rows, s->heads, s->kv_heads, s->dim };
  ref_place_qkv (in->q, in->q_mag, in->k, in->k_mag, in->v, &ref);
}

/* Words of a row that hold something. */
static guint
used_words (const Shape *s)
{
  if (s->type == OWL2_TYPE_Q8_0)
    return s->dim / 4 + (s->dim / 32 + 1) / 2;
  return s->type == OWL2_TYPE_F16 ? s->dim / 2 : s->dim;
}

/* A layer's keys or values on the device: rows as words. */
typedef struct {
  CheckBuf *buf;
  Owl2Tensor t;
  guint32 *before; /* all words */
} Layer;

static Layer
new_layer (Check *c, const char *name, const Shape *s)
{
  guint row = (guint) owl2_tensor_bytes (s->type, 1, s->dim) / 4;
  Layer layer = { .buf = check_out (c, name,
                      s->n_pages * s->kv_heads * OWL2_PAGE, row, LIE_PACKED) };

  layer.t = (Owl2Tensor){ .slice = layer.buf->t.slice,
    .type = s->type,
    .rows = layer.buf->t.rows,
    .cols = s->dim,
    .stride = owl2_tensor_stride (s->type, s->dim) };
  layer.before =
      g_memdup2 (layer.buf->host, (gsize) row * layer.buf->t.rows * 4);
  return layer;
}

/* Every word of the layer: those of the rows, as made of @x, and all others as
 * they were. */
static void
compare (Check *c, const Layer *layer, const float *x, const Shape *s,
    const Inputs *in)
{
  const CheckBuf *dst = layer->buf;
  guint row = dst->t.cols, used = used_words (s);
  g_autofree guint32 *want = g_memdup2 (layer->before, row * dst->t.rows * 4);

  for (guint r = 0; r < s->rows; r++)
    for (guint h = 0; h < s->kv_heads; h++, x += s->dim) {
      gsize at = row_of (s, in->all[r].kv_row, h) * row;

      if (s->type == OWL2_TYPE_F32) {
        memcpy (want + at, x, s->dim * 4);
      } else if (s->type == OWL2_TYPE_F16) {
        want_f16 (want + at, x, s->dim);
      } else {
        check_q8_0_row (c, dst->host + at, x, s->dim);
        memcpy (want + at, dst->host + at, used * 4);
      }
    }
  check_compare_words (c, dst, want);
}

/* Keys in F32, which those of the other types are made of. */
static void
compare_keys (Check *c, const Layer *layer, const Shape *s, Inputs *in)
{
  gsize n = kv_size (s);

  for (gsize i = 0; i < n; i++) {
    gsize r = i / s->dim / s->kv_heads;
    gsize at = row_of (s, in->all[r].kv_row, (guint) (i / s->dim % s->kv_heads))
               * layer->buf->t.cols;
    double got, limit = REF_ROTATION_UNITS * FLT_EPSILON * in->k_mag[i];

    memcpy (&in->k_made[i], layer->buf->host + at + i % s->dim, 4);
    got = (double) in->k_made[i];
    if (!(fabs (got - in->k[i]) <= limit + FLT_MIN)) {
      check_fail (c,
          "element %" G_GSIZE_FORMAT " of the keys is %.9g, not %.9g", i, got,
          in->k[i]);
      return;
    }
  }
}

/* A row that was placed once more, alone; what pads rows is never written. */
static void
compare_alone (Check *c, const CheckBuf *dst, const guint32 *among,
    const Shape *s, guint32 place)
{
  guint row = dst->t.cols, used = used_words (s);

  for (guint h = 0; h < s->kv_heads; h++) {
    gsize at = row_of (s, place, h) * row;

    if (memcmp (dst->host + at, among + at, used * 4) != 0)
      check_fail (c, "head %u at %u differs when placed alone", h, place);
  }
}

/* The row @one of what was placed, once more, in the same places. */
static void
check_alone (Check *c, Owl2PlaceQkv op, const Layer layers[2], CheckBuf *q,
    const Shape *s, const Inputs *in)
{
  guint one = check_between (c, 0, s->rows - 1), place = in->all[one].kv_row;
  guint row = layers[0].buf->t.cols;
  gsize n = (gsize) row * layers[0].buf->t.rows * 4;
  g_autofree float *q_among =
      g_memdup2 (q->val + (gsize) one * q->t.cols, q->t.cols * sizeof (float));
  guint32 *among[2];
  CheckBuf *alone = check_out (c, "q alone", 1, q->t.cols, check_lie (c));
  Owl2Rows of = *op.rows;

  for (guint i = 0; i < 2; i++) {
    CheckBuf *dst = layers[i].buf;

    among[i] = g_memdup2 (dst->host, n);
    for (guint h = 0; h < s->kv_heads; h++)
      memset (dst->val + row_of (s, place, h) * row, 0, row * 4);
    check_upload (c, dst);
  }
  of.first += one;
  op.rows = &of;
  op.qkv = owl2_tensor_rows (op.qkv, one, 1);
  op.q = alone->t;
  owl2_op_place_qkv (c->cmd, &op);
  if (check_run (c)) {
    for (guint i = 0; i < 2; i++)
      compare_alone (c, layers[i].buf, among[i], s, place);
    if (memcmp (alone->val, q_among, q->t.cols * sizeof (float)) != 0)
      check_fail (c, "the queries of row %u differ when placed alone", one);
  }
  for (guint i = 0; i < 2; i++)
    g_free (among[i]);
}

/* Into pages of the shape's type. */
static void
check_type (Check *c, const Shape *s, Inputs *in, const Owl2Rows *of)
{
  CheckBuf *q = check_out (c, "q", s->rows, s->heads * s->dim, check_lie (c));
  Layer layers[2] = { new_layer (c, "keys", s), new_layer (c, "values", s) };
  Owl2PlaceQkv op = { .qkv = in->qkv->t,
    .q = q->t,
    .k = layers[0].t,
    .v = layers[1].t,
    .table = in->table->t,
    .n_heads = s->heads,
    .n_kv_heads = s->kv_heads,
    .rows = of };

  owl2_op_place_qkv (c->cmd, &op);
  if (check_run (c)) {
    check_compare (c, q, in->q, in->q_mag, REF_ROTATION_UNITS);
    if (s->type == OWL2_TYPE_F32)
      compare_keys (c, &layers[0], s, in);
    compare (c, &layers[0], in->k_made, s, in);
    compare (c, &layers[1], in->v, s, in);
    check_alone (c, op, layers, q, s, in);
  }
  for (guint i = 0; i < 2; i++)
    g_free (layers[i].before);
}

/* Keys of a type are made of the bits that the device has in F32. */
static void
check_shape (Check *c, const Shape *s)
{
  Shape wide = *s;
  Inputs in = { NULL };
  Owl2Rows of;

  check_begin (c, "%s rows %u heads %u/%u of %u into %u pages",
      owl2_type_name (s->type), s->rows, s->heads, s->kv_heads, s->dim,
      s->n_pages);
  make_inputs (c, s, &in);
  of = check_rows (c, in.all, s->rows);
  wide.type = OWL2_TYPE_F32;
  check_type (c, &wide, &in, &of);
  if (s->type != OWL2_TYPE_F32 && !c->case_failed)
    check_type (c, s, &in, &of);
  inputs_clear (&in);
  check_end (c);
}

void
check_place_qkv (Check *c)
{
  static const guint dims[] = { 64, 6, 128, 32, 96, 16, 2, 256, 80, 34 };
  static const Owl2Type types[] = { OWL2_TYPE_F32, OWL2_TYPE_F16,
    OWL2_TYPE_Q8_0 };
  guint i;

  for (i = 0; i < 90; i++) {
    Shape s = { .type = types[i % 3],
      .dim = dims[i / 3 % G_N_ELEMENTS (dims)],
      .kv_heads = check_between (c, 1, 4),
      .rows = i % 4 ? check_between (c, 1, 40) : 1,
      .n_pages = check_between (c, 1, 3),
      .n_pos = check_between (c, 1, 60) };

    s.heads = s.kv_heads * check_between (c, 1, 2);
    if (s.type == OWL2_TYPE_Q8_0 && s.dim % 32)
      s.dim = 160;
    /* A layer is bound whole, and so is the table. */
    if (!c->limit
        || ((gsize) s.kv_heads * s.n_pages * OWL2_PAGE * (s.dim + 4) * 4 + 4096
                < c->limit
            && (gsize) (s.n_pos + 4) * (s.dim + 12) * 4 < c->limit))
      check_shape (c, &s);
  }
}
