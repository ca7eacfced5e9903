/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2upright.h"

#include <string.h>

/* Elements to look at upstream, so that a strange pipeline has an end. */
#define MAX_HOPS 256

/* ---- tags -------------------------------------------------------------- */

void
gst_owl2_orientation_event (GstOwl2Orientation *orientation, GstEvent *event)
{
  GstVideoOrientationMethod method = GST_VIDEO_ORIENTATION_IDENTITY;
  GstTagList *tags;
  gboolean known;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_STREAM_START:
      memset (orientation, 0, sizeof *orientation);
      break;
    case GST_EVENT_TAG:
      /* A list takes the place of the one before, so where it says nothing
       * about it there is nothing to be said. */
      gst_event_parse_tag (event, &tags);
      known = gst_video_orientation_from_tag (tags, &method);
      if (gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_GLOBAL) {
        orientation->medium.known = known;
        orientation->medium.method = method;
      } else {
        orientation->stream.known = known;
        orientation->stream.method = method;
      }
      break;
    default:
      break;
  }
}

/* (nullable) (transfer full): the pad that @src's data comes in by. */
static GstPad *
pad_before (GstPad *src)
{
  GstIterator *links = gst_pad_iterate_internal_links (src);
  GValue value = G_VALUE_INIT;
  GstPad *pad = NULL;

  if (links && gst_iterator_next (links, &value) == GST_ITERATOR_OK)
    pad = g_value_dup_object (&value);
  g_value_unset (&value);
  if (links)
    gst_iterator_free (links);
  return pad;
}

static gboolean
turns_by_tag (GstElement *element)
{
  int direction = GST_VIDEO_ORIENTATION_IDENTITY;

  if (!GST_IS_VIDEO_DIRECTION (element))
    return FALSE;
  g_object_get (element, "video-direction", &direction, NULL);
  return direction == GST_VIDEO_ORIENTATION_AUTO;
}

void
gst_owl2_orientation_look_upstream (
    GstOwl2Orientation *orientation, GstPad *sinkpad)
{
  GstPad *sink = gst_object_ref (sinkpad);

  orientation->applied = FALSE;
  for (guint hops = 0; sink && hops < MAX_HOPS; hops++) {
    g_autoptr (GstPad) src = gst_pad_get_peer (sink);
    g_autoptr (GstElement) element =
        src ? gst_pad_get_parent_element (src) : NULL;

    gst_clear_object (&sink);
    if (element && turns_by_tag (element)) {
      orientation->applied = TRUE;
      break;
    }
    sink = src ? pad_before (src) : NULL;
  }
  gst_clear_object (&sink);
}

GstVideoOrientationMethod
gst_owl2_orientation_get (const GstOwl2Orientation *orientation)
{
  if (orientation->applied)
    return GST_VIDEO_ORIENTATION_IDENTITY;
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

guint
gst_owl2_upright_turn (GstVideoOrientationMethod method)
{
  switch (method) {
    case GST_VIDEO_ORIENTATION_90R:
      return OWL2_TURN_MIRROR_Y | OWL2_TURN_TRANSPOSE;
    case GST_VIDEO_ORIENTATION_180:
      return OWL2_TURN_MIRROR_X | OWL2_TURN_MIRROR_Y;
    case GST_VIDEO_ORIENTATION_90L:
      return OWL2_TURN_MIRROR_X | OWL2_TURN_TRANSPOSE;
    case GST_VIDEO_ORIENTATION_HORIZ:
      return OWL2_TURN_MIRROR_X;
    case GST_VIDEO_ORIENTATION_VERT:
      return OWL2_TURN_MIRROR_Y;
    case GST_VIDEO_ORIENTATION_UL_LR:
      return OWL2_TURN_TRANSPOSE;
    case GST_VIDEO_ORIENTATION_UR_LL:
      return OWL2_TURN_MIRROR_X | OWL2_TURN_MIRROR_Y | OWL2_TURN_TRANSPOSE;
    default:
      return 0;
  }
}
