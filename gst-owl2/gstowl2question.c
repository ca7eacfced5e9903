/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2question.h"

#include <string.h>

static guint64
recent_span (const GstOwl2Settings *settings)
{
  return settings->span ? settings->span : settings->interval;
}

static void
recent_drop_first (GstOwl2Recent *recent, guint n)
{
  for (guint i = 0; i < n; i++)
    gst_owl2_frame_unref (recent->frames[i]);
  recent->n_frames -= n;
  memmove (recent->frames, recent->frames + n,
      recent->n_frames * sizeof (*recent->frames));
  memmove (recent->times, recent->times + n,
      recent->n_frames * sizeof (*recent->times));
}

void
gst_owl2_recent_clear (GstOwl2Recent *recent)
{
  recent_drop_first (recent, recent->n_frames);
}

gboolean
gst_owl2_recent_wants (
    const GstOwl2Recent *recent, const GstOwl2Settings *settings, gint64 t)
{
  gint64 last;

  if (!recent->n_frames)
    return TRUE;
  last = recent->times[recent->n_frames - 1];
  return t < last
         || (guint64) (t - last) >= recent_span (settings) / settings->n_frames;
}

void
gst_owl2_recent_add (GstOwl2Recent *recent, const GstOwl2Settings *settings,
    GstOwl2Frame *frame, gint64 t)
{
  const guint64 span = recent_span (settings);
  guint n = 0;

  /* Time went back: what was there is no past of this frame. */
  if (recent->n_frames && t < recent->times[recent->n_frames - 1])
    gst_owl2_recent_clear (recent);
  while (n < recent->n_frames
         && (recent->n_frames - n >= settings->n_frames
             || (guint64) (t - recent->times[n]) >= span))
    n++;
  recent_drop_first (recent, n);
  recent->frames[recent->n_frames] = gst_owl2_frame_ref (frame);
  recent->times[recent->n_frames++] = t;
}

GstOwl2Job *
gst_owl2_recent_job (const GstOwl2Recent *recent, GstOwl2Settings *settings)
{
  GstClockTime first = recent->frames[0]->time;
  GstClockTime last = recent->frames[recent->n_frames - 1]->time;

  return gst_owl2_job_new (settings, MIN (first, last), MAX (first, last),
      recent->frames, recent->n_frames);
}
