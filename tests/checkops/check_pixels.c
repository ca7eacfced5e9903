/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <string.h>

/* A random picture: noise, a ramp, or hard black and white edges, where the
 * filter overshoots and is clamped. */
static guint8 *
random_picture (Check *c, guint w, guint h)
{
  guint kind = check_between (c, 0, 2);
  guint8 *rgb = g_malloc ((gsize) w * h * 3);
  gsize i;

  for (i = 0; i < (gsize) w * h * 3; i++)
    rgb[i] = kind == 0   ? (guint8) check_random (c)
             : kind == 1 ? (guint8) (i / 3)
                         : (guint8) (check_random (c) & 1 ? 255 : 0);
  return rgb;
}

/* Packed rows padded to four bytes, as the operation reads them. */
static CheckBuf *
upload_rgb (Check *c, const guint8 *rgb, guint w, guint h, gsize *stride)
{
  g_autofree guint8 *rows = NULL;
  guint y;

  *stride = ((gsize) w * 3 + 3) / 4 * 4 + 4 * check_between (c, 0, 2);
  rows = g_malloc (*stride * h);
  memset (rows, 0xaa, *stride * h);
  for (y = 0; y < h; y++)
    memcpy (rows + y * *stride, rgb + (gsize) y * w * 3, (gsize) w * 3);
  return check_words (
      c, "rgb", (const guint32 *) (gconstpointer) rows, *stride * h / 4);
}

static void
pack_words (guint32 *words, const guint8 *rgb, gsize n)
{
  for (gsize i = 0; i < n; i++)
    words[i] = rgb[3 * i] | (guint32) rgb[3 * i + 1] << 8
               | (guint32) rgb[3 * i + 2] << 16;
}

static CheckBuf *
upload_words (Check *c, const guint8 *rgb, guint w, guint h)
{
  g_autofree guint32 *words = g_new (guint32, (gsize) w * h);

  pack_words (words, rgb, (gsize) w * h);
  return check_words (c, "words", words, (gsize) w * h);
}

static CheckBuf *
upload_filter (Check *c, Owl2Axis axis, guint *taps)
{
  g_autoptr (GError) error = NULL;
  Owl2Filter *filter = owl2_filter_new (axis, &error);
  CheckBuf *buf;

  if (!filter)
    g_error ("%s", error->message);
  *taps = filter->taps;
  buf = check_words (c, "filter", filter->table,
      (gsize) axis.kept * (OWL2_FILTER_HEAD + filter->taps));
  owl2_filter_free (filter);
  return buf;
}

typedef struct {
  guint sw, sh, dw, dh;
} Shape;

/* Both passes on the device, in bands of rows; one pass is left out where the
 * size stays, and if both do there is nothing to compute. */
static void
check_case (Check *c, Shape s)
{
  gboolean src_rgb = check_between (c, 0, 1);
  guint band = check_between (c, 1, s.dh), y, n, taps;
  g_autofree guint8 *rgb = random_picture (c, s.sw, s.sh);
  g_autofree guint8 *want_rgb = g_malloc ((gsize) s.dw * s.dh * 3);
  g_autofree guint32 *want = g_new (guint32, (gsize) s.dw * s.dh);
  Owl2Resize p = { 0 };
  CheckBuf *src, *filter, *between, *dst;

  if (s.sw == s.dw && s.sh == s.dh)
    return;
  check_begin (c, "%u x %u to %u x %u, rgb %d, bands of %u", s.sw, s.sh, s.dw,
      s.dh, src_rgb, band);
  p.src_stride = (gsize) s.sw * 4;
  src = src_rgb ? upload_rgb (c, rgb, s.sw, s.sh, &p.src_stride)
                : upload_words (c, rgb, s.sw, s.sh);
  p.src = check_slice (src);
  p.src_rgb = src_rgb;
  dst = check_words (c, "dst", NULL, (gsize) s.dw * s.dh);
  if (s.sw != s.dw) {
    between = s.sh == s.dh
                  ? dst
                  : check_words (c, "between", NULL, (gsize) s.dw * s.sh);
    filter = upload_filter (c, owl2_axis (s.sw, s.dw), &taps);
    p.filter = check_slice (filter);
    p.taps = taps;
    p.cols = s.dw;
    for (y = 0; y < s.sh; y += n) {
      n = MIN (band, s.sh - y);
      p.src_row0 = y;
      p.rows = n;
      p.dst = check_slice (between);
      p.dst.offset += (gsize) y * s.dw * 4;
      p.dst.size -= (gsize) y * s.dw * 4;
      owl2_op_resize (c->cmd, &p);
    }
    p.src = check_slice (between);
    p.src_rgb = FALSE;
    p.src_stride = (gsize) s.dw * 4;
  }
  if (s.sh != s.dh) {
    filter = upload_filter (c, owl2_axis (s.sh, s.dh), &taps);
    p.filter = check_slice (filter);
    p.taps = taps;
    p.vertical = TRUE;
    p.cols = s.dw;
    for (y = 0; y < s.dh; y += n) {
      n = MIN (band, s.dh - y);
      p.dst_row0 = y;
      p.rows = n;
      p.dst = check_slice (dst);
      p.dst.offset += (gsize) y * s.dw * 4;
      p.dst.size -= (gsize) y * s.dw * 4;
      owl2_op_resize (c->cmd, &p);
    }
  }
  if (check_run (c)) {
    ref_resize (want_rgb, s.dw, s.dh, rgb, s.sw, s.sh);
    pack_words (want, want_rgb, (gsize) s.dw * s.dh);
    check_compare_words (c, dst, want);
  }
  check_end (c);
}

/* Of what there is of the input's columns (rows, if @vertical) a part of the
 * output's, by plain C: padded, resized, cut. @n: lines */
static void
part_wanted (
    guint32 *want, const guint8 *rgb, Owl2Axis a, guint n, gboolean vertical)
{
  guint in_w = vertical ? n : a.in, in_h = vertical ? a.in : n;
  guint out_w = vertical ? n : a.out, out_h = vertical ? a.out : n;
  guint w = vertical ? n : a.there, h = vertical ? a.there : n;
  guint kept_w = vertical ? n : a.kept, kept_h = vertical ? a.kept : n;
  g_autofree guint8 *in = g_malloc (3 * (gsize) in_w * in_h);
  g_autofree guint8 *out = g_malloc (3 * (gsize) out_w * out_h);
  g_autofree guint8 *kept = g_malloc (3 * (gsize) kept_w * kept_h);

  ref_fill_padding (in, (gsize) in_w * in_h);
  ref_copy_part (
      in + 3 * (gsize) a.at * (vertical ? in_w : 1), in_w, rgb, w, w, h);
  ref_resize (out, out_w, out_h, in, in_w, in_h);
  ref_copy_part (kept, kept_w,
      out + 3 * (gsize) a.first * (vertical ? out_w : 1), out_w, kept_w,
      kept_h);
  pack_words (want, kept, (gsize) kept_w * kept_h);
}

static void
record_part (Check *c, const guint8 *rgb, Owl2Axis a, guint n,
    gboolean vertical, CheckBuf *dst)
{
  guint w = vertical ? n : a.there, h = vertical ? a.there : n;
  Owl2Resize p = {
    .dst = check_slice (dst),
    .vertical = vertical,
    .cols = vertical ? n : a.kept,
    .rows = vertical ? a.kept : n,
  };

  p.src = check_slice (upload_rgb (c, rgb, w, h, &p.src_stride));
  p.src_rgb = TRUE;
  p.filter = check_slice (upload_filter (c, a, &p.taps));
  owl2_op_resize (c->cmd, &p);
}

/* The same with the kernel that takes steps; FALSE if they don't fit. */
static gboolean
record_part_lanes (Check *c, const guint8 *rgb, Owl2Axis a, guint n,
    gboolean vertical, CheckBuf *dst)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Filter) filter = owl2_filter_new (a, &error);
  Owl2Steps *steps = owl2_steps_new (filter, &error);
  Owl2ResizeLanes p = {
    .dst = check_slice (dst),
    .src_stride = (gsize) n * 4,
    .down = vertical,
    .cols = a.kept,
    .rows = n,
    .src_rows = vertical ? a.there : n,
  };

  g_assert_no_error (error);
  if (!steps)
    return FALSE;
  p.n_steps = steps->n;
  p.src =
      check_slice (vertical ? upload_words (c, rgb, n, a.there)
                            : upload_rgb (c, rgb, a.there, n, &p.src_stride));
  p.steps =
      check_slice (check_words (c, "steps", steps->table, steps->n_words));
  owl2_op_resize_lanes (c->cmd, &p);
  owl2_steps_free (steps);
  return TRUE;
}

static void
check_part (Check *c, Owl2Axis a, guint n, gboolean lanes)
{
  gsize n_in = (gsize) a.there * n, n_out = (gsize) a.kept * n;
  g_autofree guint8 *rgb = random_picture (c, a.there, n);
  g_autofree guint32 *want = g_new (guint32, n_out);

  g_assert_cmpuint (n_in, >, 0);
  for (guint vertical = 0; vertical < 2; vertical++) {
    CheckBuf *dst;
    gboolean ok = TRUE;

    check_begin (c, "%u of %u from %u to %u of %u from %u, %u lines, %s",
        a.there, a.in, a.at, a.kept, a.out, a.first, n,
        vertical ? "vertical" : "horizontal");
    dst = check_words (c, "dst", NULL, n_out);
    if (lanes)
      ok = record_part_lanes (c, rgb, a, n, vertical, dst);
    else
      record_part (c, rgb, a, n, vertical, dst);
    if (!ok)
      g_error ("no steps from %u to %u", a.in, a.out);
    if (check_run (c)) {
      part_wanted (want, rgb, a, n, vertical);
      check_compare_words (c, dst, want);
    }
    check_end (c);
  }
}

/* A picture in the middle of padding, the middle of an output, one that is all
 * padding at its ends, and any of each. */
static void
check_parts (Check *c, gboolean lanes)
{
  static const Owl2Axis axes[] = { { 100, 20, 45, 9, 0, 20 },
    { 97, 11, 0, 97, 4, 3 }, { 400, 33, 199, 2, 0, 33 }, { 5, 1, 2, 1, 0, 1 },
    { 133, 19, 0, 50, 0, 19 }, { 133, 19, 83, 50, 0, 19 } };

  for (guint i = 0; i < G_N_ELEMENTS (axes); i++)
    check_part (c, axes[i], 1 + 3 * i, lanes);
  for (guint i = 0; i < (c->thorough ? 30 : 10); i++) {
    Owl2Axis a = { .out = check_between (c, 1, 20) };

    a.in = lanes ? check_between (c, 5 * a.out, 12 * a.out)
                 : check_between (c, 1, 120);
    a.at = check_between (c, 0, a.in - 1);
    a.there = check_between (c, 1, a.in - a.at);
    a.first = check_between (c, 0, a.out - 1);
    a.kept = check_between (c, 1, a.out - a.first);
    check_part (c, a, check_between (c, 1, 40), lanes);
  }
}

void
check_resize (Check *c)
{
  static const Shape shapes[] = { { 1, 1, 56, 56 }, { 1, 7, 7, 7 },
    { 7, 1, 1, 1 }, { 160, 120, 160, 160 }, { 160, 160, 56, 56 },
    { 96, 200, 200, 200 }, { 200, 200, 84, 84 }, { 2, 3, 3, 2 }, { 5, 5, 4, 4 },
    { 4, 4, 5, 5 }, { 641, 3, 2, 5 }, { 3, 641, 5, 2 }, { 1, 300, 30, 1 },
    { 101, 103, 448, 448 } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (shapes); i++)
    if (!c->limit || MAX (shapes[i].dw, shapes[i].sw) < 110)
      check_case (c, shapes[i]);
  for (i = 0; i < (c->thorough ? 30 : 10); i++)
    check_case (
        c, (Shape){ check_between (c, 1, 120), check_between (c, 1, 120),
               check_between (c, 1, 120), check_between (c, 1, 120) });
  if (!c->limit)
    check_parts (c, FALSE);
  if (c->thorough)
    check_case (c, (Shape){ 1280, 720, 448, 448 });
}

/* Words shrunk in height. */
static void
check_down_case (Check *c, guint w, guint h, guint out)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *rgb = random_picture (c, w, h);
  g_autofree guint8 *want_rgb = g_malloc ((gsize) w * out * 3);
  g_autofree guint32 *want = g_new (guint32, (gsize) w * out);
  Owl2Filter *shrink = owl2_filter_new (owl2_axis (h, out), &error);
  Owl2Steps *steps = owl2_steps_new (shrink, &error);
  Owl2ResizeLanes p = {
    .src_stride = (gsize) w * 4,
    .n_steps = steps->n,
    .down = TRUE,
    .cols = out,
    .rows = w,
    .src_rows = h,
  };
  CheckBuf *dst;

  g_assert_no_error (error);
  if (owl2_can_resize_lanes (c->cmd, 0)) {
    check_begin (c, "%u x %u words to a height of %u", w, h, out);
    p.src = check_slice (upload_words (c, rgb, w, h));
    p.steps =
        check_slice (check_words (c, "steps", steps->table, steps->n_words));
    dst = check_words (c, "dst", NULL, (gsize) w * out);
    p.dst = check_slice (dst);
    owl2_op_resize_lanes (c->cmd, &p);
    if (check_run (c)) {
      ref_resize (want_rgb, w, out, rgb, w, h);
      pack_words (want, want_rgb, (gsize) w * out);
      check_compare_words (c, dst, want);
    }
    check_end (c);
  }
  owl2_filter_free (shrink);
  owl2_steps_free (steps);
}

/* @dst is the square of a picture, shrunk in width. */
static void
compare_square (Check *c, const CheckBuf *dst, const guint8 *rgb, guint w,
    guint h, guint out)
{
  guint edge = MAX (w, h);
  g_autofree guint8 *square = g_malloc ((gsize) edge * edge * 3);
  g_autofree guint8 *want_rgb = g_malloc ((gsize) out * edge * 3);
  g_autofree guint32 *want = g_new (guint32, (gsize) out * edge);

  ref_resize (square, edge, edge, rgb, w, h);
  ref_resize (want_rgb, out, edge, square, edge, edge);
  pack_words (want, want_rgb, (gsize) out * edge);
  check_compare_words (c, dst, want);
}

/* The square of a picture shrunk in width, at once. */
static void
check_lanes_case (Check *c, guint w, guint h, guint out)
{
  g_autoptr (GError) error = NULL;
  guint lanes = ovk_device_caps (c->dev)->subgroup_size;
  g_autofree guint8 *rgb = random_picture (c, w, h);
  Owl2Filter *stretch =
      w == h ? NULL : owl2_filter_new (owl2_axis (h, w), &error);
  Owl2Filter *shrink = owl2_filter_new (owl2_axis (w, out), &error);
  Owl2Steps *steps = owl2_steps_new (shrink, &error);
  Owl2ResizeLanes p = {
    .n_steps = steps->n,
    .cols = out,
    .rows = w,
    .src_rows = h,
    .window = stretch ? owl2_filter_window (stretch, lanes) : 0,
  };
  CheckBuf *dst;

  g_assert_no_error (error);
  if (owl2_can_resize_lanes (c->cmd, p.window)) {
    check_begin (c, "%u x %u to a square, %u wide", w, h, out);
    p.src = check_slice (upload_rgb (c, rgb, w, h, &p.src_stride));
    p.steps =
        check_slice (check_words (c, "steps", steps->table, steps->n_words));
    if (stretch)
      p.filter = check_slice (upload_filter (c, owl2_axis (h, w), &p.taps));
    dst = check_words (c, "dst", NULL, (gsize) w * out);
    p.dst = check_slice (dst);
    owl2_op_resize_lanes (c->cmd, &p);
    if (check_run (c))
      compare_square (c, dst, rgb, w, h, out);
    check_end (c);
  }
  owl2_filter_free (stretch);
  owl2_filter_free (shrink);
  owl2_steps_free (steps);
}

/* A tall picture stretched and shrunk in width. */
static void
check_along_case (Check *c, guint w, guint h, guint out)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *rgb = random_picture (c, w, h);
  Owl2Filter *stretch = owl2_filter_new (owl2_axis (w, h), &error);
  Owl2Filter *shrink = owl2_filter_new (owl2_axis (h, out), &error);
  Owl2Steps *steps = owl2_along_new (stretch, shrink, &error);
  Owl2ResizeAlong p = {
    .n_steps = steps ? steps->n : 0,
    .cols = out,
    .rows = h,
    .src_cols = w,
  };
  CheckBuf *dst;

  g_assert_no_error (error);
  /* All of these fit. */
  g_assert_nonnull (steps);
  if (owl2_can_resize_along (c->cmd)) {
    check_begin (c, "%u x %u to a square, %u wide", w, h, out);
    p.src = check_slice (upload_rgb (c, rgb, w, h, &p.src_stride));
    p.steps =
        check_slice (check_words (c, "steps", steps->table, steps->n_words));
    dst = check_words (c, "dst", NULL, (gsize) h * out);
    p.dst = check_slice (dst);
    owl2_op_resize_along (c->cmd, &p);
    if (check_run (c))
      compare_square (c, dst, rgb, w, h, out);
    check_end (c);
  }
  owl2_filter_free (stretch);
  owl2_filter_free (shrink);
  owl2_steps_free (steps);
}

void
check_resize_along (Check *c)
{
  static const guint shapes[][3] = { { 252, 448, 112 }, { 120, 121, 30 },
    { 1, 64, 2 }, { 2, 65, 2 }, { 40, 99, 1 }, { 99, 130, 7 }, { 199, 257, 17 },
    { 360, 640, 56 } };

  if (c->limit)
    return; /* all is bound whole */
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    check_along_case (c, shapes[i][0], shapes[i][1], shapes[i][2]);
  for (guint i = 0; i < (c->thorough ? 30 : 10); i++) {
    guint out = check_between (c, 1, 20);
    guint h = check_between (c, 5 * out, 12 * out);

    check_along_case (c, check_between (c, 1, h - 1), h, out);
  }
}

void
check_resize_lanes (Check *c)
{
  static const guint shapes[][3] = { { 448, 252, 112 }, { 112, 112, 28 },
    { 121, 120, 30 }, { 64, 1, 2 }, { 99, 40, 1 }, { 130, 99, 7 },
    { 257, 199, 17 }, { 640, 360, 56 } };

  if (c->limit)
    return; /* all is bound whole */
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    check_lanes_case (c, shapes[i][0], shapes[i][1], shapes[i][2]);
    check_down_case (c, shapes[i][1], shapes[i][0], shapes[i][2]);
  }
  for (guint i = 0; i < (c->thorough ? 30 : 10); i++) {
    guint out = check_between (c, 1, 20);
    guint w = check_between (c, 5 * out, 12 * out);

    check_lanes_case (c, w, check_between (c, 1, w), out);
    check_down_case (c, check_between (c, 1, 40), w, out);
  }
  if (owl2_can_resize_lanes (c->cmd, 0))
    check_parts (c, TRUE);
}

void
check_patchify (Check *c)
{
  static const guint shapes[][2] = { { 56, 14 }, { 84, 14 }, { 1, 1 }, { 6, 3 },
    { 10, 5 }, { 224, 14 }, { 32, 16 } };
  guint i, patch_row, e;

  for (i = 0; i < G_N_ELEMENTS (shapes) + 6; i++) {
    gboolean random = i >= G_N_ELEMENTS (shapes);
    guint patch = random ? check_between (c, 1, 9) : shapes[i][1];
    guint size = random ? patch * check_between (c, 1, 9) : shapes[i][0];
    guint grid = size / patch, area = patch * patch;
    g_autofree guint8 *rgb = NULL;
    g_autofree guint32 *want = g_new (guint32, 3 * (gsize) size * size);
    CheckBuf *src, *lut, *out;

    if (c->limit && (gsize) size * size * 4 >= c->limit - 64)
      continue;
    rgb = random_picture (c, size, size);
    check_begin (c, "size %u patch %u", size, patch);
    src = upload_words (c, rgb, size, size);
    lut = check_in (c, "lut", 1, 3 * 256, -3.f, 3.f, check_lie (c));
    out = check_out (c, "out", grid * grid, 3 * area, check_lie (c));
    for (patch_row = 0; patch_row < grid * grid; patch_row++) {
      for (e = 0; e < 3 * area; e++) {
        guint y = patch_row / grid * patch + e % area / patch;
        guint x = patch_row % grid * patch + e % patch;
        guint8 byte = rgb[3 * (y * size + x) + e / area];

        memcpy (&want[patch_row * 3 * area + e],
            &lut->val[e / area * 256 + byte], 4);
      }
    }
    owl2_op_patchify (
        c->cmd, &out->t, check_slice (src), check_slice (lut), size, patch);
    if (check_run (c))
      check_compare_words (c, out, want);
    check_end (c);
  }
}
