/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2hold-private.h"

GstOwl2Place *
gst_owl2_place_ref (GstOwl2Place *place)
{
  g_atomic_ref_count_inc (&place->refs);
  return place;
}

void
gst_owl2_place_unref (GstOwl2Place *place)
{
  if (!g_atomic_ref_count_dec (&place->refs))
    return;
  gst_owl2_answer_unref (place->answer);
  gst_owl2_hold_unref (place->hold);
  g_free (place);
}

gboolean
gst_owl2_place_holds (const GstOwl2Place *place)
{
  return place->holds;
}

void
gst_owl2_place_settle (GstOwl2Place *place)
{
  g_mutex_lock (&place->hold->lock);
  place->moves = FALSE;
  g_mutex_unlock (&place->hold->lock);
}

void
gst_owl2_place_fill (GstOwl2Place *place, GstOwl2Answer *answer)
{
  g_mutex_lock (&place->hold->lock);
  place->answer = gst_owl2_answer_ref (answer);
  g_mutex_unlock (&place->hold->lock);
}

void
gst_owl2_place_end (GstOwl2Place *place)
{
  GstOwl2Answer *old = NULL;
  GstOwl2Hold *hold;

  if (!place)
    return;
  hold = place->hold;
  g_mutex_lock (&hold->lock);
  g_queue_unlink (&hold->open, &place->link);
  place->ended = TRUE;
  place->ended_us = g_get_monotonic_time ();
  if (!place->holds && place->answer && place->epoch == hold->epoch) {
    old = hold->current;
    hold->current = gst_owl2_answer_ref (place->answer);
  }
  g_cond_broadcast (&hold->cond);
  g_mutex_unlock (&hold->lock);
  gst_owl2_answer_unref (old);
  gst_owl2_place_unref (place);
}
