/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What questions are about: the frames that were on screen last. */
#ifndef GST_OWL2_QUESTION_H
#define GST_OWL2_QUESTION_H

#include "gstowl2ask.h"

G_BEGIN_DECLS

/**
 * GstOwl2Recent: the newest frames, a part of `span` apart, at most
 * GST_OWL2_MAX_FRAMES of them. Zeros are a valid start. One thread at a time.
 * @times: of @frames, on the clipper's axis, oldest first
 */
typedef struct {
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  gint64 times[GST_OWL2_MAX_FRAMES];
  guint n_frames;
} GstOwl2Recent;

void gst_owl2_recent_clear (GstOwl2Recent *recent);
/* Whether a frame at @t is to be added: the last one is `span` / `frames` ago,
 * or lies after it. */
gboolean gst_owl2_recent_wants (
    const GstOwl2Recent *recent, const GstOwl2Settings *settings, gint64 t);
/* Takes a reference to @frame, and lets go what is `span` or more before it. */
void gst_owl2_recent_add (GstOwl2Recent *recent,
    const GstOwl2Settings *settings, GstOwl2Frame *frame, gint64 t);
/* (transfer full): a clip of all; there is one at least. */
GstOwl2Job *gst_owl2_recent_job (
    const GstOwl2Recent *recent, GstOwl2Settings *settings);

G_END_DECLS

#endif
