/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The newest frames of a stream that a clip may still have. */
#ifndef GST_OWL2_PAST_H
#define GST_OWL2_PAST_H

#include "gstowl2frame.h"
#include "gstowl2settings.h"

G_BEGIN_DECLS

/**
 * GstOwl2Past: zeros are an empty one. One thread at a time.
 * @frames: references, oldest first
 * @times: of @frames, on the clipper's axis
 */
typedef struct {
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  gint64 times[GST_OWL2_MAX_FRAMES];
  guint n_frames;
} GstOwl2Past;

void gst_owl2_past_clear (GstOwl2Past *past);
/* Takes a reference to @frame, and lets the oldest go if there is no room. */
void gst_owl2_past_add (GstOwl2Past *past, GstOwl2Frame *frame, gint64 t);
/* Lets go what a clip by @settings that ends with a frame at @t does not have
 * beside it. */
void gst_owl2_past_drop_old (
    GstOwl2Past *past, const GstOwl2Settings *settings, gint64 t);

G_END_DECLS

#endif
