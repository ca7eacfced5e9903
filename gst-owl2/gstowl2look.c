/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2look.h"

#include <math.h>
#include <string.h>

#include "gstowl2crop.h"

#define ALPHA 120 /* of 255 */

void
gst_owl2_seen_init (
    GstOwl2Seen *seen, const Owl2Image *image, Owl2ImageMode mode, guint size)
{
  gboolean across = (image->turn & OWL2_TURN_TRANSPOSE) != 0;

  seen->width = across ? image->height : image->width;
  seen->height = across ? image->width : image->height;
  seen->turn = image->turn;
  seen->mode = image->mode != OWL2_IMAGE_AUTO ? image->mode : mode;
  seen->size = size;
}

float
gst_owl2_look_top (const float *maps, gsize n)
{
  float top = 0;

  for (gsize i = 0; i < n; i++)
    top = MAX (top, maps[i]);
  return top;
}

/* Both in parts of the picture's width and height: where a place of the stored
 * one is when that is upright. */
static void
turn_place (guint turn, double *x, double *y)
{
  double swap = *x;

  if (turn & OWL2_TURN_MIRROR_X)
    *x = swap = 1 - *x;
  if (turn & OWL2_TURN_MIRROR_Y)
    *y = 1 - *y;
  if (turn & OWL2_TURN_TRANSPOSE) {
    *x = *y;
    *y = swap;
  }
}

/* At (@x, @y) in patches. */
static double
map_at (const float *map, guint grid, double x, double y)
{
  double col = CLAMP (x - .5, 0, grid - 1), row = CLAMP (y - .5, 0, grid - 1);
  guint c = (guint) col, r = (guint) row;
  guint right = MIN (c + 1, grid - 1), below = MIN (r + 1, grid - 1);
  double upper = map[r * grid + c]
                 + (map[r * grid + right] - map[r * grid + c]) * (col - c);
  double lower =
      map[below * grid + c]
      + (map[below * grid + right] - map[below * grid + c]) * (col - c);

  return upper + (lower - upper) * (row - r);
}

/* @value: 0 to 1 */
static void
colour_of (double value, guint8 rgba[4])
{
  static const guint8 stops[][3] = { { 0, 0, 160 }, { 0, 190, 255 },
    { 90, 220, 90 }, { 255, 230, 0 }, { 230, 0, 0 } };
  const guint last = G_N_ELEMENTS (stops) - 1;
  double at = CLAMP (value, 0, 1) * last;
  guint i = MIN ((guint) at, last - 1);

  for (guint c = 0; c < 3; c++)
    rgba[c] = (guint8) lround (
        stops[i][c] + (stops[i + 1][c] - stops[i][c]) * (at - i));
  rgba[3] = ALPHA;
}

void
gst_owl2_look_paint (guint8 *rgba, guint width, guint height,
    const GstOwl2Seen *seen, const float *map, guint grid, float top)
{
  double square[4];

  owl2_picture_square (
      seen->mode, seen->width, seen->height, seen->size, square);
  for (gsize i = 0; i < (gsize) width * height; i++) {
    guint8 *to = rgba + 4 * i;
    double x = ((double) (i % width) + .5) / width;
    double y = ((double) (i / width) + .5) / height;

    turn_place (seen->turn, &x, &y);
    x = (x * seen->width - square[0]) / (square[2] - square[0]);
    y = (y * seen->height - square[1]) / (square[3] - square[1]);
    if (x < 0 || x >= 1 || y < 0 || y >= 1)
      to[0] = to[1] = to[2] = to[3] = 0;
    else
      colour_of (
          top > 0 ? map_at (map, grid, x * grid, y * grid) / top : 0, to);
  }
}

/* ---- on video ---------------------------------------------------------- */

/* Pixels along an edge of what is drawn, which is made as large as the picture
 * where it is put on that. */
#define MOST 256

struct _GstOwl2Look {
  GBytes *maps; /* float [n][grid][grid] */
  guint n, grid;
  float top;
  GstOwl2Seen seen;
  GMutex lock;                       /* of the next two */
  GstVideoOverlayComposition *drawn; /* (nullable): the newest */
  GstOwl2Crop at;                    /* where that is */
};

GstOwl2Look *
gst_owl2_look_new (const Owl2Answer *got, const GstOwl2Seen *seen)
{
  GstOwl2Look *look = g_new0 (GstOwl2Look, 1);
  gsize n = (gsize) got->n_maps * got->grid * got->grid;

  look->maps = g_bytes_new (got->maps, n * sizeof (float));
  look->n = got->n_maps;
  look->grid = got->grid;
  look->top = gst_owl2_look_top (got->maps, n);
  look->seen = *seen;
  g_mutex_init (&look->lock);
  return look;
}

void
gst_owl2_look_free (GstOwl2Look *look)
{
  if (!look)
    return;
  g_bytes_unref (look->maps);
  g_clear_pointer (&look->drawn, gst_video_overlay_composition_unref);
  g_mutex_clear (&look->lock);
  g_free (look);
}

/* (transfer full): red, green, blue and alpha in the order of overlays. */
static GstBuffer *
make_pixels (const GstOwl2Look *look, guint width, guint height)
{
  const float *maps = g_bytes_get_data (look->maps, NULL);
  gsize n = 4 * (gsize) width * height;
  guint8 *pixels = g_malloc (n);
  GstBuffer *buffer;

  gst_owl2_look_paint (pixels, width, height, &look->seen,
      maps + (look->n - 1) * look->grid * look->grid, look->grid, look->top);
  for (gsize i = 0; i < n; i += 4) {
    const guint8 r = pixels[i], g = pixels[i + 1], b = pixels[i + 2];
    const guint8 a = pixels[i + 3];
    const guint8 ordered[] = { G_BYTE_ORDER == G_LITTLE_ENDIAN ? b : a,
      G_BYTE_ORDER == G_LITTLE_ENDIAN ? g : r,
      G_BYTE_ORDER == G_LITTLE_ENDIAN ? r : g,
      G_BYTE_ORDER == G_LITTLE_ENDIAN ? a : b };

    memcpy (pixels + i, ordered, 4);
  }
  buffer = gst_buffer_new_wrapped (pixels, n);
  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, width, height);
  return buffer;
}

/* (transfer full): what is drawn at @at. Of an answer it is made once. */
static GstVideoOverlayComposition *
look_draw (GstOwl2Look *look, const GstOwl2Crop *at)
{
  guint edge = MAX (at->width, at->height), most = MIN (edge, MOST);
  GstVideoOverlayComposition *drawn;

  g_mutex_lock (&look->lock);
  if (!look->drawn || memcmp (&look->at, at, sizeof *at) != 0) {
    GstBuffer *pixels = make_pixels (look, MAX (1, at->width * most / edge),
        MAX (1, at->height * most / edge));
    GstVideoOverlayRectangle *rectangle =
        gst_video_overlay_rectangle_new_raw (pixels, (int) at->x, (int) at->y,
            at->width, at->height, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);

    g_clear_pointer (&look->drawn, gst_video_overlay_composition_unref);
    look->drawn = gst_video_overlay_composition_new (rectangle);
    look->at = *at;
    gst_video_overlay_rectangle_unref (rectangle);
    gst_buffer_unref (pixels);
  }
  drawn = gst_video_overlay_composition_ref (look->drawn);
  g_mutex_unlock (&look->lock);
  return drawn;
}

static void
add_meta (GstBuffer *buffer, const GstOwl2Answer *answer)
{
  const GstOwl2Look *look = answer->look;
  GstStructure *s = gst_structure_new (GST_OWL2_LOOK_META_NAME, "id",
      G_TYPE_UINT64, answer->id, "element", G_TYPE_STRING, answer->element,
      "frames", G_TYPE_UINT, look->n, "width", G_TYPE_UINT, look->grid,
      "height", G_TYPE_UINT, look->grid, "map", G_TYPE_BYTES, look->maps, NULL);

  gst_owl2_meta_put (buffer, GST_OWL2_LOOK_META_NAME, s);
  gst_structure_free (s);
}

/* (transfer full): a copy of @buffer (transfer full) with it. */
static GstBuffer *
draw_on (GstBuffer *buffer, const GstVideoInfo *info,
    GstVideoOverlayComposition *drawn)
{
  GstBuffer *copy = gst_buffer_copy_deep (buffer);
  GstVideoFrame frame;

  if (gst_video_frame_map (&frame, info, copy, GST_MAP_READWRITE)) {
    gst_video_overlay_composition_blend (drawn, &frame);
    gst_video_frame_unmap (&frame);
  }
  gst_buffer_unref (buffer);
  return copy;
}

GstBuffer *
gst_owl2_look_put (GstBuffer *buffer, const GstOwl2Answer *answer,
    const GstVideoInfo *info, gboolean raw)
{
  GstVideoOverlayComposition *drawn;
  GstVideoInfo stored;
  GstOwl2Crop at;

  /* Whoever sent that will be told when such a picture is to be answered. */
  if (!gst_owl2_crop_get (buffer, info, &stored, &at, NULL)) {
    buffer = gst_buffer_make_writable (buffer);
    add_meta (buffer, answer);
    return buffer;
  }
  drawn = look_draw (answer->look, &at);
  if (raw) {
    buffer = draw_on (buffer, info, drawn);
  } else {
    buffer = gst_buffer_make_writable (buffer);
    gst_buffer_add_video_overlay_composition_meta (buffer, drawn);
  }
  add_meta (buffer, answer);
  gst_video_overlay_composition_unref (drawn);
  return buffer;
}
