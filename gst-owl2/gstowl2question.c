/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2question.h"

void
gst_owl2_recent_clear (GstOwl2Recent *recent)
{
  gst_owl2_past_clear (&recent->past);
  g_clear_pointer (&recent->last, gst_owl2_frame_unref);
}

/* Of the newest one; there is one at least. */
static gint64
recent_time (const GstOwl2Recent *recent)
{
  return recent->last ? recent->last_time
                      : recent->past.times[recent->past.n_frames - 1];
}

GstOwl2Frame *
gst_owl2_recent_last (const GstOwl2Recent *recent)
{
  if (recent->last)
    return recent->last;
  return recent->past.n_frames ? recent->past.frames[recent->past.n_frames - 1]
                               : NULL;
}

/* Whether one at @t is a part of `span` after those that are. */
static gboolean
recent_is_due (
    const GstOwl2Recent *recent, const GstOwl2Settings *settings, gint64 t)
{
  gint64 last;

  if (!recent->past.n_frames)
    return TRUE;
  last = recent->past.times[recent->past.n_frames - 1];
  return t < last
         || (guint64) (t - last) >= gst_owl2_settings_span (settings)
                                        / gst_owl2_settings_n_frames (settings);
}

gboolean
gst_owl2_recent_wants (const GstOwl2Recent *recent,
    const GstOwl2Settings *settings, gint64 t, guint64 fresh)
{
  gint64 newest;

  if (recent_is_due (recent, settings, t))
    return TRUE;
  newest = recent_time (recent);
  return t >= newest && (guint64) (t - newest) >= fresh;
}

void
gst_owl2_recent_add (GstOwl2Recent *recent, const GstOwl2Settings *settings,
    GstOwl2Frame *frame, gint64 t)
{
  const gboolean due = recent_is_due (recent, settings, t);

  if (frame == gst_owl2_recent_last (recent))
    return;
  g_clear_pointer (&recent->last, gst_owl2_frame_unref);
  if (!due) {
    recent->last = gst_owl2_frame_ref (frame);
    recent->last_time = t;
    return;
  }
  /* Time went back: what was there is no past of this frame. */
  if (recent->past.n_frames
      && t < recent->past.times[recent->past.n_frames - 1])
    gst_owl2_recent_clear (recent);
  gst_owl2_past_drop_old (&recent->past, settings, t);
  gst_owl2_past_add (&recent->past, frame, t);
}

GstOwl2Job *
gst_owl2_recent_job (const GstOwl2Recent *recent, GstOwl2Settings *settings)
{
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES + 1];
  const gint64 newest = recent_time (recent);
  guint most = gst_owl2_settings_n_frames (settings) - (recent->last != NULL);
  GstClockTime first, last;
  guint n = 0;

  for (guint i = recent->past.n_frames - MIN (most, recent->past.n_frames);
       i < recent->past.n_frames; i++)
    if ((guint64) (newest - recent->past.times[i])
        < gst_owl2_settings_span (settings))
      frames[n++] = recent->past.frames[i];
  if (recent->last)
    frames[n++] = recent->last;
  first = frames[0]->time;
  last = frames[n - 1]->time;
  return gst_owl2_job_new (
      settings, MIN (first, last), MAX (first, last), frames, n);
}
