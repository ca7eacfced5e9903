/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2past.h"

#include <string.h>

static void
past_drop_first (GstOwl2Past *past, guint n)
{
  for (guint i = 0; i < n; i++)
    gst_owl2_frame_unref (past->frames[i]);
  past->n_frames -= n;
  memmove (
      past->frames, past->frames + n, past->n_frames * sizeof (*past->frames));
  memmove (
      past->times, past->times + n, past->n_frames * sizeof (*past->times));
}

void
gst_owl2_past_clear (GstOwl2Past *past)
{
  past_drop_first (past, past->n_frames);
}

void
gst_owl2_past_add (GstOwl2Past *past, GstOwl2Frame *frame, gint64 t)
{
  if (past->n_frames == GST_OWL2_MAX_FRAMES)
    past_drop_first (past, 1);
  past->frames[past->n_frames] = gst_owl2_frame_ref (frame);
  past->times[past->n_frames++] = t;
}

void
gst_owl2_past_drop_old (
    GstOwl2Past *past, const GstOwl2Settings *settings, gint64 t)
{
  const guint64 span = gst_owl2_settings_span (settings);
  const guint n_frames = gst_owl2_settings_n_frames (settings);
  guint n = 0;

  while (n < past->n_frames
         && (past->n_frames - n >= n_frames
             || (guint64) (t - past->times[n]) >= span))
    n++;
  past_drop_first (past, n);
}
