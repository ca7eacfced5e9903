/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look.h"

#include <string.h>

#include "gstowl2look.h"
#include "png_write.h"

#define MOST 512 /* pixels along an edge of a copy */
#define GAP 4    /* between two of them */

/* Packed RGB, upright. */
typedef struct {
  GstOwl2Seen seen;
  guint width, height;
  guint8 *rgb;
} Shot;

static void
shot_free (gpointer data)
{
  Shot *shot = data;

  g_free (shot->rgb);
  g_free (shot);
}

/* The size of a copy of @width x @height. */
static void
shrink_size (guint width, guint height, guint *w, guint *h)
{
  guint edge = MAX (width, height);

  *w = MAX (1, edge > MOST ? (guint) ((guint64) width * MOST / edge) : width);
  *h = MAX (1, edge > MOST ? (guint) ((guint64) height * MOST / edge) : height);
}

/* What is shown of the raw picture as packed RGB of @w x @h, as it is stored.
 * NULL with @error. */
static guint8 *
convert (const GstOwl2Frame *frame, guint w, guint h, GError **error)
{
  const GstOwl2Crop *crop = &frame->crop;
  GstVideoConverter *converter = NULL;
  GstVideoFrame from, to;
  guint8 *rgb = NULL;
  GstVideoInfo info;
  GstBuffer *buffer;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, w, h);
  /* A converter changes none of these. */
  info.fps_n = frame->info.fps_n;
  info.fps_d = frame->info.fps_d;
  info.interlace_mode = frame->info.interlace_mode;
  buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  if (frame->raw
      && gst_video_frame_map (&from, &frame->info, frame->raw, GST_MAP_READ)) {
    converter = gst_video_converter_new (&frame->info, &info,
        gst_structure_new ("c", GST_VIDEO_CONVERTER_OPT_SRC_X, G_TYPE_INT,
            (int) crop->x, GST_VIDEO_CONVERTER_OPT_SRC_Y, G_TYPE_INT,
            (int) crop->y, GST_VIDEO_CONVERTER_OPT_SRC_WIDTH, G_TYPE_INT,
            (int) crop->width, GST_VIDEO_CONVERTER_OPT_SRC_HEIGHT, G_TYPE_INT,
            (int) crop->height, NULL));
    if (converter && gst_video_frame_map (&to, &info, buffer, GST_MAP_WRITE)) {
      gst_video_converter_frame (converter, &from, &to);
      rgb = g_malloc (3 * (gsize) w * h);
      for (guint y = 0; y < h; y++)
        memcpy (rgb + 3 * (gsize) w * y,
            (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&to, 0)
                + (gsize) y * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE (&to, 0),
            3 * (gsize) w);
      gst_video_frame_unmap (&to);
    }
    gst_video_frame_unmap (&from);
  }
  g_clear_pointer (&converter, gst_video_converter_free);
  gst_buffer_unref (buffer);
  if (!rgb)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "a frame of %dx%d can't be shown", frame->info.width,
        frame->info.height);
  return rgb;
}

/* Takes @rgb of @w x @h, as it is stored. */
static void
make_upright (Shot *shot, guint8 *rgb, guint w, guint h)
{
  const guint turn = shot->seen.turn;
  const gboolean across = (turn & OWL2_TURN_TRANSPOSE) != 0;

  shot->seen.turn = 0;
  shot->width = across ? h : w;
  shot->height = across ? w : h;
  shot->rgb = g_malloc (3 * (gsize) w * h);
  for (guint i = 0; i < w * h; i++) {
    guint col = i % shot->width, row = i / shot->width;
    guint x = across ? row : col, y = across ? col : row;

    if (turn & OWL2_TURN_MIRROR_X)
      x = w - 1 - x;
    if (turn & OWL2_TURN_MIRROR_Y)
      y = h - 1 - y;
    memcpy (shot->rgb + 3 * (gsize) i, rgb + 3 * ((gsize) y * w + x), 3);
  }
  g_free (rgb);
}

gboolean
look_keep (
    GstOwl2Frame *frame, const Owl2Image *image, guint size, GError **error)
{
  guint w, h;
  guint8 *rgb;
  Shot *shot;

  if (frame->shot)
    return TRUE;
  if (frame->small) {
    w = h = frame->edge;
    rgb = g_memdup2 (frame->small, 3 * (gsize) w * h);
  } else {
    shrink_size (frame->crop.width, frame->crop.height, &w, &h);
    rgb = convert (frame, w, h, error);
  }
  if (!rgb)
    return FALSE;
  shot = g_new0 (Shot, 1);
  gst_owl2_seen_init (&shot->seen, image, OWL2_IMAGE_STRETCH, size);
  make_upright (shot, rgb, w, h);
  frame->shot = shot;
  frame->shot_free = shot_free;
  return TRUE;
}

/* @shot with @map over it, from column @left of @rgb of @width columns on. */
static void
draw (const Shot *shot, const float *map, guint grid, float top, guint8 *rgb,
    guint width, guint left)
{
  g_autofree guint8 *heat = g_malloc (4 * (gsize) shot->width * shot->height);

  gst_owl2_look_paint (
      heat, shot->width, shot->height, &shot->seen, map, grid, top);
  for (guint i = 0; i < shot->width * shot->height; i++) {
    const guint8 *over = heat + 4 * (gsize) i, *under = shot->rgb + 3 * i;
    guint8 *to =
        rgb + 3 * ((gsize) (i / shot->width) * width + left + i % shot->width);

    for (guint c = 0; c < 3; c++)
      to[c] = (guint8) ((over[c] * over[3] + under[c] * (255 - over[3]) + 127)
                        / 255);
  }
}

gboolean
look_write (const char *path, const GPtrArray *frames, const Owl2Answer *answer,
    GError **error)
{
  guint width = 0, height = 0, left = 0,
        n_patches = answer->grid * answer->grid;
  float top =
      gst_owl2_look_top (answer->maps, (gsize) answer->n_maps * n_patches);
  g_autofree guint8 *rgb = NULL;

  g_return_val_if_fail (frames->len == answer->n_maps, FALSE);
  for (guint i = 0; i < frames->len; i++) {
    const Shot *shot = ((GstOwl2Frame *) frames->pdata[i])->shot;

    g_return_val_if_fail (shot, FALSE);
    width += shot->width + (i ? GAP : 0);
    height = MAX (height, shot->height);
  }
  rgb = g_malloc0 (3 * (gsize) width * height);
  for (guint i = 0; i < frames->len; i++) {
    const Shot *shot = ((GstOwl2Frame *) frames->pdata[i])->shot;

    draw (shot, answer->maps + i * n_patches, answer->grid, top, rgb, width,
        left);
    left += shot->width + GAP;
  }
  return png_write_rgb (path, rgb, width, height, error);
}
