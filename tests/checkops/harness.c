/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operands with guard words around them, and comparisons. */
#include "checkops.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SLACK 64u /* words after each operand */
G_STATIC_ASSERT (SLACK * 4 > CHECK_SPILL);
#define NAN_WORD 0x7fc0deadu   /* around inputs: a read outside shows */
#define GUARD_WORD 0x7fa5c3a5u /* around outputs: a write outside shows */
#define FAILURES_SHOWN 5       /* of an operation */

guint64
check_random (Check *c)
{
  guint64 z = (c->rng += 0x9e3779b97f4a7c15u); /* SplitMix64 */

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

guint
check_between (Check *c, guint lo, guint hi)
{
  return lo + (guint) (check_random (c) % (hi - lo + 1));
}

float
check_float (Check *c, float lo, float hi)
{
  return lo + (hi - lo) * (float) (check_random (c) >> 40) * (1.f / 16777216.f);
}

CheckLie
check_lie (Check *c)
{
  return (CheckLie) check_between (c, 0, LIE_COUNT - 1);
}

static void
buf_free (gpointer data)
{
  CheckBuf *buf = data;

  g_free (buf->host);
  g_free (buf->val);
  g_free (buf);
}

void
check_begin (Check *c, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (c->shape, sizeof c->shape, format, args);
  va_end (args);
  c->case_failed = FALSE;
  c->bufs = g_ptr_array_new_with_free_func (buf_free);
  c->arena = ovk_arena_new (c->dev, "checkops", 1 << 20);
}

void
check_fail (Check *c, const char *format, ...)
{
  char text[512];
  va_list args;

  if (c->case_failed)
    return;
  c->case_failed = TRUE;
  if (c->n_op_failed >= FAILURES_SHOWN)
    return;
  va_start (args, format);
  g_vsnprintf (text, sizeof text, format, args);
  va_end (args);
  printf ("FAIL %s (%s): %s: %s; --op=%s --seed=%" G_GUINT64_FORMAT "\n",
      c->kernel ? c->kernel : c->op, c->config, c->shape, text, c->op, c->seed);
}

static gboolean
is_element (const CheckBuf *buf, gsize word)
{
  const Owl2Tensor *t = &buf->t;
  gsize at;

  if (word < t->offset)
    return FALSE;
  at = word - t->offset;
  return at / t->stride < t->rows && at % t->stride < t->cols;
}

static gsize
word_of (const CheckBuf *buf, gsize element)
{
  const Owl2Tensor *t = &buf->t;

  return t->offset + element / t->cols * t->stride + element % t->cols;
}

static CheckBuf *
buf_new (Check *c, const char *name, gsize words)
{
  CheckBuf *buf = g_new0 (CheckBuf, 1);
  g_autoptr (GError) error = NULL;

  buf->name = name;
  buf->words = words;
  buf->host = g_new (guint32, words);
  g_ptr_array_add (c->bufs, buf);
  if (!ovk_arena_alloc (c->arena, words * 4, &buf->t.slice, &error))
    g_error ("%s", error->message);
  return buf;
}

static void
buf_write (Check *c, CheckBuf *buf)
{
  g_autoptr (GError) error = NULL;

  if (!ovk_slice_write (
          c->dev, buf->t.slice, buf->host, buf->words * 4, &error))
    g_error ("%s", error->message);
}

/* A tensor of 32-bit elements amid words of @around. */
static CheckBuf *
buf_new_tensor (Check *c, const char *name, guint rows, guint cols,
    CheckLie lie, guint32 around)
{
  guint stride = cols, offset = 0;
  CheckBuf *buf;
  gsize i;

  if (lie == LIE_ALIGNED) {
    stride = (cols + 3) / 4 * 4 + 4 * check_between (c, 0, 3);
    offset = 4 * check_between (c, 0, 5);
  } else if (lie == LIE_ODD) {
    stride = cols + check_between (c, 1, 9);
    offset = check_between (c, 0, 70);
  }
  buf = buf_new (c, name, offset + (gsize) rows * stride + SLACK);
  buf->t.type = OWL2_TYPE_F32;
  buf->t.offset = offset;
  buf->t.rows = rows;
  buf->t.cols = cols;
  buf->t.stride = stride;
  buf->val = g_new0 (float, (gsize) rows *cols);
  for (i = 0; i < buf->words; i++)
    buf->host[i] = around;
  return buf;
}

void
check_upload (Check *c, CheckBuf *buf)
{
  gsize i, n = (gsize) buf->t.rows * buf->t.cols;

  for (i = 0; i < n; i++)
    memcpy (&buf->host[word_of (buf, i)], &buf->val[i], 4);
  buf_write (c, buf);
}

static void
fill_random (Check *c, CheckBuf *buf, float lo, float hi)
{
  gsize i, n = (gsize) buf->t.rows * buf->t.cols;

  for (i = 0; i < n; i++)
    buf->val[i] = check_float (c, lo, hi);
  check_upload (c, buf);
}

CheckBuf *
check_in (Check *c, const char *name, guint rows, guint cols, float lo,
    float hi, CheckLie lie)
{
  CheckBuf *buf = buf_new_tensor (c, name, rows, cols, lie, NAN_WORD);

  fill_random (c, buf, lo, hi);
  return buf;
}

CheckBuf *
check_out (Check *c, const char *name, guint rows, guint cols, CheckLie lie)
{
  CheckBuf *buf = buf_new_tensor (c, name, rows, cols, lie, GUARD_WORD);

  buf->written = TRUE;
  buf_write (c, buf);
  return buf;
}

CheckBuf *
check_inout (Check *c, const char *name, guint rows, guint cols, float lo,
    float hi, CheckLie lie)
{
  /* The guard words are NaN as well. */
  CheckBuf *buf = buf_new_tensor (c, name, rows, cols, lie, GUARD_WORD);

  buf->written = TRUE;
  fill_random (c, buf, lo, hi);
  return buf;
}

/* One row of random blocks as the device wants them, and what they mean. */
static void
quantised_row (Check *c, Owl2Type type, guint8 *packed, float *val, guint cols,
    float lo, float hi)
{
  gsize bytes = cols / owl2_type_block (type) * owl2_type_block_bytes (type);
  g_autofree guint8 *file = g_malloc (bytes);
  guint k;

  for (k = 0; k < cols; k++)
    val[k] = check_float (c, lo, hi);
  owl2_type_info (type)->encode (val, cols, file);
  owl2_type_info (type)->decode (file, cols, val);
  owl2_weight_pack_row (type, file, cols, packed);
}

CheckBuf *
check_weight (Check *c, const char *name, Owl2Type type, guint rows, guint cols,
    float lo, float hi)
{
  guint stride = owl2_tensor_stride (type, cols);
  gsize bytes = owl2_tensor_bytes (type, rows, cols);
  gsize block = owl2_type_block (type);
  CheckBuf *buf = buf_new (c, name, bytes / 4 + SLACK);
  gsize r, k;

  buf->t.type = type;
  buf->t.rows = rows;
  buf->t.cols = cols;
  buf->t.stride = stride;
  buf->val = g_new0 (float, (gsize) rows *cols);
  memset (buf->host, 0, bytes);
  for (k = bytes / 4; k < buf->words; k++)
    buf->host[k] = type == OWL2_TYPE_F16 ? 0x7e007e00u : NAN_WORD;
  for (r = 0; r < rows && block > 1; r++)
    quantised_row (c, type, (guint8 *) buf->host + r * stride * 4,
        buf->val + r * cols, cols, lo, hi);
  for (r = 0; r < rows && block == 1; r++) {
    for (k = 0; k < cols; k++) {
      float v = check_float (c, lo, hi);

      if (type == OWL2_TYPE_F16) {
        guint16 half = ref_half_from_float (v);

        ((guint16 *) buf->host)[r * stride + k] = half;
        v = ref_half_to_float (half);
      } else {
        memcpy (&buf->host[r * stride + k], &v, 4);
      }
      buf->val[r * cols + k] = v;
    }
  }
  buf_write (c, buf);
  return buf;
}

CheckBuf *
check_pages (Check *c, const char *name, Owl2Type type, guint n_pages,
    guint n_heads, guint head_dim, const gboolean *used)
{
  guint n = n_pages * n_heads * OWL2_PAGE;
  CheckBuf *buf = check_weight (c, name, type, n, head_dim, -2.f, 2.f);
  gsize row = owl2_tensor_bytes (type, 1, head_dim) / 4;

  for (guint r = 0; r < n; r++) {
    guint page = r / (n_heads * OWL2_PAGE);

    for (gsize i = 0; !used[page * OWL2_PAGE + r % OWL2_PAGE] && i < row; i++)
      buf->host[r * row + i] = type == OWL2_TYPE_F32 ? NAN_WORD : 0x7e007e00u;
  }
  buf_write (c, buf);
  return buf;
}

static CheckBuf *
new_words (Check *c, const char *name, const void *data, gsize n, CheckLie lie)
{
  CheckBuf *buf =
      buf_new_tensor (c, name, 1, (guint) n, lie, data ? NAN_WORD : GUARD_WORD);

  buf->written = data == NULL;
  if (data)
    memcpy (buf->val, data, n * 4);
  else
    memcpy (buf->val, buf->host + buf->t.offset, n * 4);
  check_upload (c, buf);
  return buf;
}

CheckBuf *
check_words (Check *c, const char *name, const guint32 *data, gsize n)
{
  return new_words (c, name, data, n, LIE_ODD);
}

Owl2Rows
check_rows (Check *c, const Owl2PassRow *rows, guint n)
{
  guint first = check_between (c, 0, 9);
  g_autofree Owl2PassRow *all = g_new (Owl2PassRow, first + n);

  memset (all, 0xff, first * sizeof *all);
  memcpy (all + first, rows, n * sizeof *all);
  return (Owl2Rows){ check_slice (new_words (c, "rows", all,
                         (first + n) * (sizeof *all / 4), LIE_PACKED)),
    first };
}

CheckBuf *
check_results (Check *c, const Owl2Result *data, guint n)
{
  return new_words (
      c, "results", data, n * (sizeof (Owl2Result) / 4), LIE_PACKED);
}

OvkSlice
check_slice (const CheckBuf *buf)
{
  OvkSlice slice = buf->t.slice;

  slice.offset += buf->t.offset * 4;
  slice.size = ((gsize) (buf->t.rows - 1) * buf->t.stride + buf->t.cols) * 4;
  return slice;
}

static void
read_back (Check *c, CheckBuf *buf)
{
  g_autoptr (GError) error = NULL;
  gsize i;

  if (!ovk_slice_read (
          c->dev, buf->t.slice, buf->host, buf->words * 4, &error)) {
    check_fail (c, "%s", error->message);
    return;
  }
  for (i = 0; i < buf->words; i++) {
    if (is_element (buf, i))
      continue;
    if (buf->host[i] != GUARD_WORD) {
      check_fail (c,
          "%s: wrote outside: word %" G_GSIZE_FORMAT
          " of [%u][%u], stride %u, offset %" G_GSIZE_FORMAT " is %08x",
          buf->name, i, buf->t.rows, buf->t.cols, buf->t.stride, buf->t.offset,
          buf->host[i]);
      break;
    }
  }
  for (i = 0; i < (gsize) buf->t.rows * buf->t.cols; i++)
    memcpy (&buf->val[i], &buf->host[word_of (buf, i)], 4);
}

gboolean
check_run (Check *c)
{
  g_autoptr (GError) error = NULL;
  guint i;

  if (!ovk_cmd_run (c->cmd, &error)) {
    check_fail (c, "%s", error->message);
    return FALSE;
  }
  for (i = 0; i < c->bufs->len; i++) {
    CheckBuf *buf = g_ptr_array_index (c->bufs, i);

    if (buf->written)
      read_back (c, buf);
  }
  return !c->case_failed;
}

void
check_compare (Check *c, const CheckBuf *got, const double *want,
    const double *mag, double units)
{
  gsize i, n = (gsize) got->t.rows * got->t.cols;

  for (i = 0; i < n; i++) {
    double limit = units * FLT_EPSILON * mag[i] + FLT_MIN;

    if (!(fabs (got->val[i] - want[i]) <= limit)) {
      check_fail (c,
          "%s [%" G_GSIZE_FORMAT "][%" G_GSIZE_FORMAT
          "] is %.9g, not %.9g +- %.3g (stride %u, offset %" G_GSIZE_FORMAT ")",
          got->name, i / got->t.cols, i % got->t.cols, got->val[i], want[i],
          limit, got->t.stride, got->t.offset);
      return;
    }
  }
}

void
check_compare_words (Check *c, const CheckBuf *got, const guint32 *want)
{
  gsize i, n = (gsize) got->t.rows * got->t.cols;

  for (i = 0; i < n; i++) {
    guint32 word = got->host[word_of (got, i)];

    if (word != want[i]) {
      check_fail (c, "%s: word %" G_GSIZE_FORMAT " is %08x, not %08x",
          got->name, i, word, want[i]);
      return;
    }
  }
}

void
check_end (Check *c)
{
  c->n_cases++;
  c->n_op_cases++;
  c->n_failed += c->case_failed;
  c->n_op_failed += c->case_failed;
  ovk_cmd_reset (c->cmd);
  g_clear_pointer (&c->bufs, g_ptr_array_unref);
  g_clear_pointer (&c->arena, ovk_arena_free);
}
