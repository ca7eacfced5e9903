/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame of any format as packed RGB. */
#include "ref_picture.h"

#include <glib.h>
#include <string.h>

#include "ref.h"

/* What a YUV format has: planes, bytes in a pixel or a pair of pixels. */
typedef struct {
  unsigned y_at, y_step;
  unsigned uv_planes[2], uv_at[2], uv_step;
  unsigned h_sub, v_sub;
} Layout;

static const Layout layouts[OWL2_N_PIXEL_FORMATS] = {
  [OWL2_PIXELS_I420] = { 0, 1, { 1, 2 }, { 0, 0 }, 1, 2, 2 },
  [OWL2_PIXELS_NV12] = { 0, 1, { 1, 1 }, { 0, 1 }, 2, 2, 2 },
  [OWL2_PIXELS_NV21] = { 0, 1, { 1, 1 }, { 1, 0 }, 2, 2, 2 },
  [OWL2_PIXELS_Y42B] = { 0, 1, { 1, 2 }, { 0, 0 }, 1, 2, 1 },
  [OWL2_PIXELS_Y444] = { 0, 1, { 1, 2 }, { 0, 0 }, 1, 1, 1 },
  [OWL2_PIXELS_YUY2] = { 0, 2, { 0, 0 }, { 1, 3 }, 4, 2, 1 },
  [OWL2_PIXELS_UYVY] = { 1, 2, { 0, 0 }, { 0, 2 }, 4, 2, 1 },
};

/* Bytes of a pixel, and where R, G and B are. */
static const unsigned rgb_layouts[][4] = {
  [OWL2_PIXELS_RGB] = { 3, 0, 1, 2 },
  [OWL2_PIXELS_BGR] = { 3, 2, 1, 0 },
  [OWL2_PIXELS_RGBX] = { 4, 0, 1, 2 },
  [OWL2_PIXELS_BGRX] = { 4, 2, 1, 0 },
  [OWL2_PIXELS_XRGB] = { 4, 1, 2, 3 },
  [OWL2_PIXELS_XBGR] = { 4, 3, 2, 1 },
};

static RefPlane
plane (const Owl2Image *image, unsigned index, unsigned at, unsigned step)
{
  RefPlane p = { image->data + at, image->stride, step };

  if (index > 0) {
    p.data = image->chroma[index - 1] + at;
    p.stride = image->chroma_stride[index - 1];
  }
  return p;
}

static void
stored_rgb (uint8_t *rgb, const Owl2Image *image)
{
  static const double kr[] = { 0.299, 0.2126, 0.2627 };
  static const double kb[] = { 0.114, 0.0722, 0.0593 };
  static const uint8_t gray = 128;
  const Layout *l = &layouts[image->format];
  RefYuv yuv = {
    .width = image->width,
    .height = image->height,
    .y = { image->data, image->stride, 1 },
    .u = { &gray, 0, 0 },
    .v = { &gray, 0, 0 },
    .h_sub = 1,
    .v_sub = 1,
    .cosited_h = (image->cosited & OWL2_COSITED_H) != 0,
    .cosited_v = (image->cosited & OWL2_COSITED_V) != 0,
    .full_range = image->full_range,
    .kr = kr[image->matrix],
    .kb = kb[image->matrix],
  };

  if (image->format < OWL2_PIXELS_GRAY8) {
    const unsigned *at = rgb_layouts[image->format];

    for (size_t y = 0; y < image->height; y++)
      for (size_t x = 0; x < image->width; x++)
        for (size_t c = 0; c < 3; c++)
          *rgb++ = image->data[y * image->stride + x * at[0] + at[1 + c]];
    return;
  }
  if (image->format != OWL2_PIXELS_GRAY8) {
    yuv.y = plane (image, 0, l->y_at, l->y_step);
    yuv.u = plane (image, l->uv_planes[0], l->uv_at[0], l->uv_step);
    yuv.v = plane (image, l->uv_planes[1], l->uv_at[1], l->uv_step);
    yuv.h_sub = l->h_sub;
    yuv.v_sub = l->v_sub;
  }
  ref_yuv_to_rgb (rgb, &yuv);
}

static void
turn (uint8_t *to, const uint8_t *from, size_t w, size_t h, unsigned how)
{
  size_t across = how & OWL2_TURN_TRANSPOSE;

  for (size_t y = 0; y < (across ? w : h); y++)
    for (size_t x = 0; x < (across ? h : w); x++, to += 3) {
      size_t sx = across ? y : x, sy = across ? x : y;

      sx = how & OWL2_TURN_MIRROR_X ? w - 1 - sx : sx;
      sy = how & OWL2_TURN_MIRROR_Y ? h - 1 - sy : sy;
      memcpy (to, from + 3 * (sy * w + sx), 3);
    }
}

void
ref_picture_rgb (uint8_t *rgb, const Owl2Image *image)
{
  size_t bytes = 3 * (size_t) image->width * image->height;
  uint8_t *stored = g_malloc (bytes);

  stored_rgb (stored, image);
  turn (rgb, stored, image->width, image->height, image->turn);
  g_free (stored);
}

void
ref_picture_square (uint8_t *dst, size_t n, Owl2ImageMode mode,
    const uint8_t *rgb, size_t w, size_t h)
{
  size_t edge = w > h ? w : h, shorter = w > h ? h : w;
  size_t crop_w = n * w / shorter, crop_h = n * h / shorter;
  uint8_t *between = g_malloc (
      mode == OWL2_IMAGE_CROP ? 3 * crop_w * crop_h : 3 * edge * edge);

  switch (mode) {
    case OWL2_IMAGE_PAD:
      ref_fill_padding (between, edge * edge);
      ref_copy_part (between + 3 * ((edge - h) / 2 * edge + (edge - w) / 2),
          edge, rgb, w, w, h);
      ref_resize (dst, n, n, between, edge, edge);
      break;
    case OWL2_IMAGE_CROP:
      ref_resize (between, crop_w, crop_h, rgb, w, h);
      ref_copy_part (dst, n,
          between + 3 * ((crop_h - n) / 2 * crop_w + (crop_w - n) / 2), crop_w,
          n, n);
      break;
    default:
      ref_resize (between, edge, edge, rgb, w, h);
      ref_resize (dst, n, n, between, edge, edge);
  }
  g_free (between);
}
