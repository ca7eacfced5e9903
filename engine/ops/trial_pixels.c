/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trials of what makes patches of pictures: all are exact. */
#include "trial.h"

#include <string.h>

#include "ref.h"
#include "ref_picture.h"

/* Noise, of which every other picture is black and white, where filters
 * overshoot. */
static guint8 *
random_picture (Owl2Trial *t, guint w, guint h, gboolean hard)
{
  gsize n = (gsize) w * h * 3;
  guint8 *rgb = owl2_trial_alloc (t, n);

  for (gsize i = 0; i < n; i++)
    rgb[i] = hard ? (guint8) (owl2_trial_random (t) & 1 ? 255 : 0)
                  : (guint8) owl2_trial_random (t);
  return rgb;
}

static guint32 *
words_of (Owl2Trial *t, const guint8 *rgb, gsize n)
{
  guint32 *words = owl2_trial_alloc (t, n * 4);

  for (gsize i = 0; i < n; i++)
    words[i] = rgb[3 * i] | (guint32) rgb[3 * i + 1] << 8
               | (guint32) rgb[3 * i + 2] << 16;
  return words;
}

static gsize
stride_of (guint width)
{
  return ((gsize) width * 3 + 3) / 4 * 4;
}

/* Rows of whole words. */
static OvkSlice
packed_rows (Owl2Trial *t, const guint8 *rgb, guint w, guint h)
{
  gsize stride = stride_of (w);
  guint8 *rows = owl2_trial_alloc (t, stride * h);

  for (guint y = 0; y < h; y++)
    memcpy (rows + y * stride, rgb + (gsize) y * w * 3, (gsize) w * 3);
  return owl2_trial_words (t, rows, stride * h / 4);
}

static OvkSlice
pixel_words (Owl2Trial *t, const guint8 *rgb, gsize n)
{
  return owl2_trial_words (t, words_of (t, rgb, n), n);
}

static void
compare_pixels (Owl2Trial *t, const guint32 *made, const guint8 *want, gsize n)
{
  owl2_trial_compare_words (t, "pixels", made, words_of (t, want, n), n);
}

void
owl2_trial_patchify (Owl2Trial *t, const Owl2Subject *s)
{
  guint patch = MIN (s->cols, 16), size = 3 * patch, area = patch * patch;
  guint8 *rgb = random_picture (t, size, size, FALSE);
  float lut[3 * 256];
  guint32 *want = owl2_trial_alloc (t, 9 * 3 * area * 4);
  Owl2TrialTensor out = owl2_trial_out (t, 9, 3 * area);

  for (guint i = 0; i < G_N_ELEMENTS (lut); i++)
    lut[i] = owl2_trial_float (t, -3.f, 3.f);
  owl2_op_patchify (owl2_trial_cmd (t), &out.t,
      pixel_words (t, rgb, (gsize) size * size),
      owl2_trial_words (t, lut, G_N_ELEMENTS (lut)), size, patch);
  if (!owl2_trial_run (t))
    return;
  for (guint i = 0; i < 9 * 3 * area; i++) {
    guint row = i / (3 * area), e = i % (3 * area);
    guint y = row / 3 * patch + e % area / patch;
    guint x = row % 3 * patch + e % patch;

    memcpy (
        &want[i], &lut[e / area * 256 + rgb[3 * (y * size + x) + e / area]], 4);
  }
  owl2_trial_compare_words (
      t, "out", (const guint32 *) out.val, want, (gsize) 9 * 3 * area);
}

/* To fewer pixels and to more. */
void
owl2_trial_resize (Owl2Trial *t, const Owl2Subject *s)
{
  static const guint sizes[][2] = { { 61, 17 }, { 13, 37 } };
  enum { LINES = 11 };
  const guint32 *made[2];
  guint8 *rgb[2], *want;

  for (guint i = 0; i < 2; i++) {
    guint in = sizes[i][0], out = sizes[i][1];
    g_autoptr (Owl2Filter) filter = owl2_filter_new (owl2_axis (in, out), NULL);
    guint w = s->flag ? LINES : in, h = s->flag ? in : LINES;
    Owl2Resize p = { .src_rgb = s->other,
      .src_stride = s->other ? stride_of (w) : (gsize) w * 4,
      .vertical = s->flag,
      .cols = s->flag ? LINES : out,
      .rows = s->flag ? out : LINES };

    if (!filter)
      return;
    rgb[i] = random_picture (t, w, h, i == 1);
    p.src = s->other ? packed_rows (t, rgb[i], w, h)
                     : pixel_words (t, rgb[i], (gsize) w * h);
    p.taps = filter->taps;
    p.filter = owl2_trial_words (
        t, filter->table, (gsize) out * (OWL2_FILTER_HEAD + filter->taps));
    p.dst = owl2_trial_made (t, (gsize) LINES * out, &made[i]);
    owl2_op_resize (owl2_trial_cmd (t), &p);
  }
  if (!owl2_trial_run (t))
    return;
  for (guint i = 0; i < 2; i++) {
    guint in = sizes[i][0], out = sizes[i][1];

    want = owl2_trial_alloc (t, (gsize) LINES * out * 3);
    if (s->flag)
      ref_resize (want, LINES, out, rgb[i], LINES, in);
    else
      ref_resize (want, out, LINES, rgb[i], in, LINES);
    compare_pixels (t, made[i], want, (gsize) LINES * out);
  }
}

/* Of the square of @rgb, @w x @h, that is @out wide. */
static void
compare_square (Owl2Trial *t, const guint32 *made, const guint8 *rgb, guint w,
    guint h, guint out)
{
  guint edge = MAX (w, h);
  guint8 *square = owl2_trial_alloc (t, (gsize) edge * edge * 3);
  guint8 *want = owl2_trial_alloc (t, (gsize) out * edge * 3);

  ref_resize (square, edge, edge, rgb, w, h);
  ref_resize (want, out, edge, square, edge, edge);
  compare_pixels (t, made, want, (gsize) out * edge);
}

void
owl2_trial_resize_along (Owl2Trial *t, const Owl2Subject *s)
{
  enum { W = 40, H = 99, OUT = 13 };
  g_autoptr (Owl2Filter) stretch = owl2_filter_new (owl2_axis (W, H), NULL);
  g_autoptr (Owl2Filter) shrink = owl2_filter_new (owl2_axis (H, OUT), NULL);
  Owl2Steps *steps =
      stretch && shrink ? owl2_along_new (stretch, shrink, NULL) : NULL;
  guint8 *rgb = random_picture (t, W, H, TRUE);
  Owl2ResizeAlong p = {
    .src_stride = stride_of (W), .cols = OUT, .rows = H, .src_cols = W
  };
  const guint32 *made;

  if (!steps || !owl2_can_resize_along (owl2_trial_cmd (t))) {
    owl2_steps_free (steps);
    return;
  }
  p.n_steps = steps->n;
  p.src = packed_rows (t, rgb, W, H);
  p.steps = owl2_trial_words (t, steps->table, steps->n_words);
  p.dst = owl2_trial_made (t, OUT * H, &made);
  owl2_op_resize_along (owl2_trial_cmd (t), &p);
  owl2_steps_free (steps);
  if (owl2_trial_run (t))
    compare_square (t, made, rgb, W, H, OUT);
}

/* @stretch: (nullable): of @h to the square's edge, @w */
static void
try_lanes (Owl2Trial *t, const Owl2Subject *s, guint w, guint h, guint out,
    const Owl2Filter *stretch, const Owl2Steps *steps)
{
  guint lanes = owl2_trial_caps (t)->subgroup_size;
  guint8 *rgb = random_picture (t, s->flag ? h : w, s->flag ? w : h, FALSE);
  Owl2ResizeLanes p = { .n_steps = steps->n, .down = s->flag, .cols = out };
  const guint32 *made;

  p.window = stretch ? owl2_filter_window (stretch, lanes) : 0;
  if (!owl2_can_resize_lanes (owl2_trial_cmd (t), p.window))
    return;
  p.steps = owl2_trial_words (t, steps->table, steps->n_words);
  if (s->flag) {
    /* Words of @h columns, @w high, to a height of @out. */
    p.src = pixel_words (t, rgb, (gsize) w * h);
    p.src_stride = (gsize) h * 4;
    p.rows = h;
    p.src_rows = w;
  } else {
    p.src = packed_rows (t, rgb, w, h);
    p.src_stride = stride_of (w);
    p.rows = stretch ? w : h;
    p.src_rows = h;
  }
  if (stretch) {
    p.taps = stretch->taps;
    p.filter = owl2_trial_words (t, stretch->table,
        (gsize) stretch->out * (OWL2_FILTER_HEAD + stretch->taps));
  }
  p.dst = owl2_trial_made (t, (gsize) p.rows * out, &made);
  owl2_op_resize_lanes (owl2_trial_cmd (t), &p);
  if (!owl2_trial_run (t))
    return;
  if (s->flag) {
    guint8 *want = owl2_trial_alloc (t, (gsize) h * out * 3);

    ref_resize (want, h, out, rgb, h, w);
    compare_pixels (t, made, want, (gsize) h * out);
  } else {
    compare_square (t, made, rgb, w, h, out);
  }
}

/* A window is of as many rows as a subgroup's lie over: few where the picture
 * is stretched much, one more than lanes where it hardly is. */
void
owl2_trial_resize_lanes (Owl2Trial *t, const Owl2Subject *s)
{
  enum { W = 99, OUT = 13 };
  guint h = s->flag ? 30 : !s->other ? W : owl2_trial_is_odd (t) ? 95 : 40;
  g_autoptr (Owl2Filter) shrink = owl2_filter_new (owl2_axis (W, OUT), NULL);
  g_autoptr (Owl2Filter) stretch =
      s->other && !s->flag ? owl2_filter_new (owl2_axis (h, W), NULL) : NULL;
  Owl2Steps *steps = shrink ? owl2_steps_new (shrink, NULL) : NULL;

  if (steps)
    try_lanes (t, s, W, h, OUT, stretch, steps);
  owl2_steps_free (steps);
}

static void
compare_rgb (Owl2Trial *t, const guint32 *made, const Owl2Image *picture,
    guint w, guint h)
{
  gsize stride = stride_of (w);
  guint8 *rgb = owl2_trial_alloc (t, (gsize) 3 * w * h);
  guint8 *want = owl2_trial_alloc (t, stride * h);

  ref_picture_rgb (rgb, picture);
  for (gsize y = 0; y < h; y++)
    memcpy (want + y * stride, rgb + y * 3 * w, 3 * (gsize) w);
  owl2_trial_compare_words (t, "pixels", made,
      (const guint32 *) (gconstpointer) want, stride * h / 4);
}

/* Planes with chroma between the pixels, and packed pixels. */
void
owl2_trial_to_rgb (Owl2Trial *t, const Owl2Subject *s)
{
  Owl2Image pictures[] = {
    { .width = 37, .height = 11, .format = OWL2_PIXELS_I420 },
    { .width = 21, .height = 7, .format = OWL2_PIXELS_BGRX },
  };
  const guint32 *made[G_N_ELEMENTS (pictures)];

  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    Owl2Image *picture = &pictures[i];
    gsize stride = stride_of (picture->width), bytes;
    Owl2Planes planes;
    guint8 *data;

    owl2_planes_init (&planes, picture);
    bytes = (planes.bytes + 3) / 4 * 4;
    data = owl2_trial_alloc (t, bytes);
    for (gsize b = 0; b < planes.bytes; b++)
      data[b] = (guint8) owl2_trial_random (t);
    picture->data = data;
    picture->stride = planes.stride[0];
    for (guint p = 1; p < planes.n; p++) {
      picture->chroma[p - 1] = data + planes.offset[p];
      picture->chroma_stride[p - 1] = planes.stride[p];
    }
    owl2_op_to_rgb (owl2_trial_cmd (t),
        owl2_trial_made (t, stride * picture->height / 4, &made[i]), stride,
        owl2_trial_words (t, data, bytes / 4), picture);
  }
  if (!owl2_trial_run (t))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++)
    compare_rgb (
        t, made[i], &pictures[i], pictures[i].width, pictures[i].height);
}

void
owl2_trial_turn (Owl2Trial *t, const Owl2Subject *s)
{
  enum { W = 21, H = 13 };
  gsize stride = stride_of (W), out_stride = stride_of (H);
  guint8 *data = owl2_trial_alloc (t, stride * H);
  Owl2Image picture = { data, W, H, stride };
  const guint32 *made;

  picture.turn = OWL2_TURN_TRANSPOSE | OWL2_TURN_MIRROR_X;
  for (gsize i = 0; i < stride * H; i++)
    data[i] = (guint8) owl2_trial_random (t);
  owl2_op_turn (owl2_trial_cmd (t),
      owl2_trial_made (t, out_stride * W / 4, &made), out_stride,
      owl2_trial_words (t, data, stride * H / 4), stride, W, H, picture.turn);
  if (owl2_trial_run (t))
    compare_rgb (t, made, &picture, H, W);
}
