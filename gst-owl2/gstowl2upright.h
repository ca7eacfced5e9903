/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The picture as a player shows it: turned as tags say, and of two fields the
 * first alone. Only what the model sees is changed, never a buffer. */
#ifndef GST_OWL2_UPRIGHT_H
#define GST_OWL2_UPRIGHT_H

#include <gst/video/video.h>
#include "owl2.h"

G_BEGIN_DECLS

/**
 * GstOwl2Orientation: what the stream's tags say; zeros are a valid start.
 *
 * Cameras do not turn the pixels of a picture that was taken upright: the file
 * says how it is to be turned (a track's matrix, EXIF), and demuxers and
 * parsers make GST_TAG_IMAGE_ORIENTATION of that.
 */
typedef struct {
  struct {
    gboolean known;
    GstVideoOrientationMethod method;
  } stream, medium; /* tags of this stream, which count first; of the whole */
  gboolean applied; /* on the way here */
} GstOwl2Orientation;

/* Looks at a stream's serialized event: a list of tags is valid for what
 * follows, up to another one or the start of another stream. */
void gst_owl2_orientation_event (
    GstOwl2Orientation *orientation, GstEvent *event);
/* Looks for an element before @sinkpad that turns the picture by its tag, as
 * videoflip video-direction=auto does: up to GStreamer 1.22 these leave the tag
 * as it was. */
void gst_owl2_orientation_look_upstream (
    GstOwl2Orientation *orientation, GstPad *sinkpad);
/* One of the eight ways to turn a picture. */
GstVideoOrientationMethod gst_owl2_orientation_get (
    const GstOwl2Orientation *orientation);

/* Leaves the rows of the field of @image that is shown first, if it holds two;
 * by the flags of the frame that it was made of. */
void gst_owl2_upright_field (
    Owl2Image *image, GstVideoFrameFlags flags, GstVideoInterlaceMode mode);

/* The sum of OWL2_TURN_* that makes a picture upright. */
guint gst_owl2_upright_turn (GstVideoOrientationMethod method);

G_END_DECLS

#endif
