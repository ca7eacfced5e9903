/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <string.h>

/* What the reference has to know of a format, in the words of its planes. */
typedef struct {
  guint y_plane, y_at, y_step;
  guint uv_planes[2], uv_at[2], uv_step;
  guint h_sub, v_sub;
} Layout;

static const Layout layouts[OWL2_N_PIXEL_FORMATS] = {
  [OWL2_PIXELS_I420] = { 0, 0, 1, { 1, 2 }, { 0, 0 }, 1, 2, 2 },
  [OWL2_PIXELS_NV12] = { 0, 0, 1, { 1, 1 }, { 0, 1 }, 2, 2, 2 },
  [OWL2_PIXELS_NV21] = { 0, 0, 1, { 1, 1 }, { 1, 0 }, 2, 2, 2 },
  [OWL2_PIXELS_Y42B] = { 0, 0, 1, { 1, 2 }, { 0, 0 }, 1, 2, 1 },
  [OWL2_PIXELS_Y444] = { 0, 0, 1, { 1, 2 }, { 0, 0 }, 1, 1, 1 },
  [OWL2_PIXELS_YUY2] = { 0, 0, 2, { 0, 0 }, { 1, 3 }, 4, 2, 1 },
  [OWL2_PIXELS_UYVY] = { 0, 1, 2, { 0, 0 }, { 0, 2 }, 4, 2, 1 },
};

/* Bytes of a pixel, and those of R, G and B. */
static const guint rgb_layouts[][4] = {
  [OWL2_PIXELS_RGB] = { 3, 0, 1, 2 },
  [OWL2_PIXELS_BGR] = { 3, 2, 1, 0 },
  [OWL2_PIXELS_RGBX] = { 4, 0, 1, 2 },
  [OWL2_PIXELS_BGRX] = { 4, 2, 1, 0 },
  [OWL2_PIXELS_XRGB] = { 4, 1, 2, 3 },
  [OWL2_PIXELS_XBGR] = { 4, 3, 2, 1 },
};

static const guint8 gray = 128;

static void
reference (guint8 *rgb, const Owl2Image *picture, const guint8 *data)
{
  static const double kr[] = { 0.299, 0.2126, 0.2627 };
  static const double kb[] = { 0.114, 0.0722, 0.0593 };
  const Layout *l = &layouts[picture->format];
  RefYuv yuv = {
    .width = picture->width,
    .height = picture->height,
    .u = { &gray, 0, 0 },
    .v = { &gray, 0, 0 },
    .h_sub = 1,
    .v_sub = 1,
    .cosited_h = (picture->cosited & OWL2_COSITED_H) != 0,
    .cosited_v = (picture->cosited & OWL2_COSITED_V) != 0,
    .full_range = picture->full_range,
    .kr = kr[picture->matrix],
    .kb = kb[picture->matrix],
  };
  Owl2Planes planes;

  owl2_planes_init (&planes, picture);
  if (picture->format < OWL2_PIXELS_GRAY8) {
    const guint *at = rgb_layouts[picture->format];

    for (guint y = 0; y < picture->height; y++)
      for (guint x = 0; x < picture->width; x++)
        for (guint c = 0; c < 3; c++)
          *rgb++ = data[y * planes.stride[0] + x * at[0] + at[1 + c]];
    return;
  }
  if (picture->format == OWL2_PIXELS_GRAY8) {
    yuv.y = (RefPlane){ data, planes.stride[0], 1 };
  } else {
    guint u = l->uv_planes[0], v = l->uv_planes[1];

    yuv.y = (RefPlane){ data + planes.offset[l->y_plane] + l->y_at,
      planes.stride[l->y_plane], l->y_step };
    yuv.u = (RefPlane){ data + planes.offset[u] + l->uv_at[0], planes.stride[u],
      l->uv_step };
    yuv.v = (RefPlane){ data + planes.offset[v] + l->uv_at[1], planes.stride[v],
      l->uv_step };
    yuv.h_sub = l->h_sub;
    yuv.v_sub = l->v_sub;
  }
  ref_yuv_to_rgb (rgb, &yuv);
}

static void
check_case (Check *c, const Owl2Image *picture)
{
  gsize w = picture->width, h = picture->height;
  gsize stride = (3 * w + 3) / 4 * 4;
  g_autofree guint8 *rgb = g_malloc (3 * w * h);
  g_autofree guint8 *want = g_malloc0 (stride * h);
  g_autofree guint8 *data = NULL;
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
    reference (rgb, picture, data);
    for (gsize y = 0; y < h; y++)
      memcpy (want + y * stride, rgb + y * 3 * w, 3 * w);
    check_compare_words (c, dst, (const guint32 *) (gconstpointer) want);
  }
  check_end (c);
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
