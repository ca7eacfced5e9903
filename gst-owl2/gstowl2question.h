/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What questions are about: the frames that were on screen last. */
#ifndef GST_OWL2_QUESTION_H
#define GST_OWL2_QUESTION_H

#include "gstowl2ask.h"
#include "gstowl2past.h"

G_BEGIN_DECLS

/**
 * GstOwl2Recent: zeros are a valid start. One thread at a time.
 * @past: the newest frames, a part of `span` apart
 * @last: (nullable): one that is newer than these, at @last_time
 */
typedef struct {
  GstOwl2Past past;
  GstOwl2Frame *last;
  gint64 last_time;
} GstOwl2Recent;

void gst_owl2_recent_clear (GstOwl2Recent *recent);
/* Whether a frame at @t is to be added: the last one of the clip is `span` /
 * `frames` ago, or lies after it, or any is @fresh ago. */
gboolean gst_owl2_recent_wants (const GstOwl2Recent *recent,
    const GstOwl2Settings *settings, gint64 t, guint64 fresh);
/* Takes a reference to @frame, and lets go what is `span` or more before it. */
void gst_owl2_recent_add (GstOwl2Recent *recent,
    const GstOwl2Settings *settings, GstOwl2Frame *frame, gint64 t);
/* (nullable) (transfer none): the newest one. */
GstOwl2Frame *gst_owl2_recent_last (const GstOwl2Recent *recent);
/* (transfer full): a clip of the newest frames; there is one at least. */
GstOwl2Job *gst_owl2_recent_job (
    const GstOwl2Recent *recent, GstOwl2Settings *settings);

G_END_DECLS

#endif
