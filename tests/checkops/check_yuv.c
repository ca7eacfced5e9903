/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"
#include "ref_picture.h"

#include <string.h>

static void
check_case (Check *c, const Owl2Image *picture)
{
  gsize w = picture->width, h = picture->height;
  gsize stride = (3 * w + 3) / 4 * 4;
  g_autofree guint8 *rgb = g_malloc (3 * w * h);
  g_autofree guint8 *want = g_malloc0 (stride * h);
  g_autofree guint8 *data = NULL;
  Owl2Image seen = *picture;
  Owl2Planes planes;
  CheckBuf *src, *dst;

  owl2_planes_init (&planes, picture);
  check_begin (c, "%s %ux%u matrix %d full %d cosited %u",
      owl2_pixel_format_name (picture->format), picture->width, picture->height,
      picture->matrix, picture->full_range, picture->cosited);
  data = g_malloc (planes.bytes);
  for (gsize i = 0; i < planes.bytes; i++)
    data[i] = (guint8) check_random (c);
  src = check_words (
      c, "src", (const guint32 *) (gconstpointer) data, planes.bytes / 4);
  dst = check_words (c, "dst", NULL, stride * h / 4);
  owl2_op_to_rgb (
      c->cmd, check_slice (dst), stride, check_slice (src), picture);
  if (check_run (c)) {
    seen.data = data;
    seen.stride = planes.stride[0];
    for (guint i = 1; i < planes.n; i++) {
      seen.chroma[i - 1] = data + planes.offset[i];
      seen.chroma_stride[i - 1] = planes.stride[i];
    }
    ref_picture_rgb (rgb, &seen);
    for (gsize y = 0; y < h; y++)
      memcpy (want + y * stride, rgb + y * 3 * w, 3 * w);
    check_compare_words (c, dst, (const guint32 *) (gconstpointer) want);
  }
  check_end (c);
}

/* Each way to turn a picture. */
void
check_turn (Check *c)
{
  static const guint sizes[][2] = { { 1, 1 }, { 2, 3 }, { 5, 4 }, { 8, 1 },
    { 1, 9 }, { 41, 23 } };

  for (guint i = 0; i < 8 * G_N_ELEMENTS (sizes); i++) {
    gsize w = sizes[i / 8][0], h = sizes[i / 8][1];
    guint across = i % 8 & OWL2_TURN_TRANSPOSE;
    gsize out_w = across ? h : w, out_h = across ? w : h;
    gsize stride = (3 * w + 3) / 4 * 4, out_stride = (3 * out_w + 3) / 4 * 4;
    g_autofree guint8 *data = g_malloc (stride * h);
    g_autofree guint8 *rgb = g_malloc (3 * w * h);
    g_autofree guint8 *want = g_malloc0 (out_stride * out_h);
    Owl2Image picture = { data, (guint) w, (guint) h, stride };
    CheckBuf *src, *dst;

    picture.turn = i % 8;
    check_begin (
        c, "%ux%u turn %u", picture.width, picture.height, picture.turn);
    for (gsize k = 0; k < stride * h; k++)
      data[k] = (guint8) check_random (c);
    src = check_words (
        c, "src", (const guint32 *) (gconstpointer) data, stride * h / 4);
    dst = check_words (c, "dst", NULL, out_stride * out_h / 4);
    owl2_op_turn (c->cmd, check_slice (dst), out_stride, check_slice (src),
        stride, picture.width, picture.height, picture.turn);
    if (check_run (c)) {
      ref_picture_rgb (rgb, &picture);
      for (gsize y = 0; y < out_h; y++)
        memcpy (want + y * out_stride, rgb + y * 3 * out_w, 3 * out_w);
      check_compare_words (c, dst, (const guint32 *) (gconstpointer) want);
    }
    check_end (c);
  }
}

/* Each format at sizes around a group of four pixels, and with each way to read
 * it. */
void
check_to_rgb (Check *c)
{
  static const guint sizes[][2] = { { 1, 1 }, { 2, 2 }, { 3, 5 }, { 4, 1 },
    { 1, 6 }, { 5, 4 }, { 6, 3 }, { 7, 7 }, { 64, 32 }, { 99, 41 } };
  guint way = 0;

  for (guint f = 0; f < OWL2_N_PIXEL_FORMATS; f++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes) + (c->thorough ? 14 : 0); i++) {
      gboolean random = i >= G_N_ELEMENTS (sizes);
      Owl2Image picture = {
        .width = random ? check_between (c, 1, 70) : sizes[i][0],
        .height = random ? check_between (c, 1, 70) : sizes[i][1],
        .format = (Owl2PixelFormat) f,
        .cosited = way % 4,
        .full_range = way / 4 % 2,
        .matrix = (Owl2Matrix) (way / 8 % 3),
      };

      way++;
      check_case (c, &picture);
    }
}
