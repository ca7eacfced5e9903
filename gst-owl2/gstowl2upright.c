/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2upright.h"

#include <string.h>

/* ---- tags -------------------------------------------------------------- */

void
gst_owl2_orientation_event (GstOwl2Orientation *orientation, GstEvent *event)
{
  GstVideoOrientationMethod method;
  GstTagList *tags;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_STREAM_START:
      memset (orientation, 0, sizeof *orientation);
      break;
    case GST_EVENT_TAG:
      /* A list without it says nothing about it: decoders and parsers send
       * lists of their own. */
      gst_event_parse_tag (event, &tags);
      if (!gst_video_orientation_from_tag (tags, &method))
        break;
      if (gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_GLOBAL) {
        orientation->medium.known = TRUE;
        orientation->medium.method = method;
      } else {
        orientation->stream.known = TRUE;
        orientation->stream.method = method;
      }
      break;
    default:
      break;
  }
}

GstVideoOrientationMethod
gst_owl2_orientation_get (const GstOwl2Orientation *orientation)
{
  if (orientation->stream.known)
    return orientation->stream.method;
  return orientation->medium.known ? orientation->medium.method
                                   : GST_VIDEO_ORIENTATION_IDENTITY;
}

/* ---- pictures ---------------------------------------------------------- */

void
gst_owl2_upright_field (
    Owl2Image *image, GstVideoFrameFlags flags, GstVideoInterlaceMode mode)
{
  const gboolean top = (flags & GST_VIDEO_FRAME_FLAG_TFF) != 0;

  /* Only in these are the rows of two fields woven into one picture. */
  if ((mode != GST_VIDEO_INTERLACE_MODE_INTERLEAVED
          && mode != GST_VIDEO_INTERLACE_MODE_MIXED)
      || !(flags & GST_VIDEO_FRAME_FLAG_INTERLACED) || image->height < 2)
    return;
  if (!top)
    image->data += image->stride;
  image->height = (image->height + (top ? 1 : 0)) / 2;
  image->stride *= 2;
}

gboolean
gst_owl2_upright_turn (Owl2Image *image, gpointer *memory,
    GstVideoOrientationMethod method, GError **error)
{
  const gssize w = image->width, h = image->height;
  const gssize row = (gssize) image->stride;
  /* The pixel of @image that goes to the upper left corner, and the steps in it
   * that go to the right and down. */
  gssize first = 0, right = 3, down = row;
  gboolean across = FALSE; /* width and height change places */
  guint8 *data, *to;

  switch (method) {
    case GST_VIDEO_ORIENTATION_90R:
      first = (h - 1) * row, right = -row, down = 3, across = TRUE;
      break;
    case GST_VIDEO_ORIENTATION_180:
      first = (h - 1) * row + (w - 1) * 3, right = -3, down = -row;
      break;
    case GST_VIDEO_ORIENTATION_90L:
      first = (w - 1) * 3, right = row, down = -3, across = TRUE;
      break;
    case GST_VIDEO_ORIENTATION_HORIZ:
      first = (w - 1) * 3, right = -3;
      break;
    case GST_VIDEO_ORIENTATION_VERT:
      first = (h - 1) * row, down = -row;
      break;
    case GST_VIDEO_ORIENTATION_UL_LR:
      right = row, down = 3, across = TRUE;
      break;
    case GST_VIDEO_ORIENTATION_UR_LL:
      first = (h - 1) * row + (w - 1) * 3, right = -row, down = -3,
      across = TRUE;
      break;
    default:
      return TRUE;
  }

  data = to = g_try_malloc_n ((gsize) w * 3, (gsize) h);
  if (!data) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
        "no memory to turn a picture of %ux%u", image->width, image->height);
    return FALSE;
  }
  for (gssize y = 0; y < (across ? w : h); y++) {
    const guint8 *from = image->data + first + y * down;

    for (gssize x = 0; x < (across ? h : w); x++, from += right, to += 3) {
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
  image->data = data;
  image->width = (guint) (across ? h : w);
  image->height = (guint) (across ? w : h);
  image->stride = 3 * (gsize) image->width;
  g_free (*memory);
  *memory = data;
  return TRUE;
}
