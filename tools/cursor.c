/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "video_private.h"

#include <string.h>

/* What a target may be off by, and a frame's time be rounded by. */
#define ROUNDED (OWL2_PACE_ROUNDING + OWL2_PACE_EXACT)
/* Targets that are nearer than this are decoded to, at first. */
#define FIRST_GAP GST_SECOND
/* How far before a place a seek is tried again that went too far. */
#define FIRST_BACK (GST_SECOND / 4)

/* ---- frames ------------------------------------------------------------- */

static void
shown_clear (Shown *s)
{
  player_frame_clear (&s->frame);
  gst_owl2_frame_unref (s->taken);
  memset (s, 0, sizeof *s);
}

static gboolean
shown_is (const Shown *s)
{
  return s->frame.sample != NULL;
}

static gboolean
shown_at (const Shown *s, gint64 t)
{
  return shown_is (s) && MAX (s->gone, s->frame.t + 1) > t;
}

/* A seek may set an end that there was not at the start, rounded as the source
 * says it, and the last frame is cut by it. */
static void
mend_duration (const Video *v, PlayerFrame *frame)
{
  const gint64 missing = v->first.duration - frame->duration;

  if (frame->stop != v->first_stop && frame->t + frame->duration == frame->stop
      && missing > 0 && missing <= OWL2_PACE_ROUNDING)
    frame->duration = v->first.duration;
}

/* The frame comes after all since the start or the last seek. */
static void
show (Video *v, PlayerFrame *frame)
{
  mend_duration (v, frame);
  shown_clear (&v->prev);
  v->prev = v->cur;
  v->cur = (Shown){ .frame = *frame };
  v->cur.end = owl2_pace_end (&v->pace, frame->t, frame->duration);
  v->cur.gone = owl2_pace_gone (v->cur.end, frame->duration);
  v->seen_end = MAX (v->seen_end, v->cur.end);
  if (shown_is (&v->prev))
    v->index++;
}

/* From here on all is decoded. */
static void
stop_seeking (Video *v, const char *why)
{
  v->can_seek = FALSE;
  v->no_seek = why;
}

/* What came after a seek is not to be trusted. */
static gboolean
is_lost (const Video *v)
{
  return v->sought && !v->can_seek;
}

static void
note_end (Video *v)
{
  v->at_end = TRUE;
  if (!shown_is (&v->cur) || is_lost (v))
    return;
  v->have_end = TRUE;
  v->end = v->seen_end;
  v->still |= !v->sought && v->index == 0;
}

gboolean
video_advance (Video *v, GError **error)
{
  PlayerFrame frame;

  while (!v->at_end) {
    if (!player_pull (v->player, &frame, error))
      return FALSE;
    if (v->can_seek && !player_has_times (v->player))
      stop_seeking (v, "its frames have no times of their own");
    if (!frame.sample) {
      note_end (v);
    } else if (!shown_is (&v->cur) || frame.t > v->cur.frame.t) {
      show (v, &frame);
      if (v->progress && v->length)
        v->progress ((double) frame.t / (double) v->length, v->progress_data);
      return TRUE;
    }
    player_frame_clear (&frame);
  }
  return TRUE;
}

static void
forget (Video *v)
{
  shown_clear (&v->cur);
  shown_clear (&v->prev);
  v->index = 0;
  v->at_end = FALSE;
  v->seen_end = G_MININT64;
  v->pace = v->first;
}

/* ---- seeking ------------------------------------------------------------ */

gboolean
video_can_rewind (const Video *v)
{
  return v->can_reopen || v->can_seek;
}

/* Some sources say only when it comes to it that they can't, and end there. */
static gboolean
seek (Video *v, gint64 t, GError **error)
{
  g_autoptr (GError) failed = NULL;

  forget (v);
  v->sought = TRUE;
  v->n_seeks++;
  if (player_seek (v->player, t) && video_advance (v, &failed))
    return TRUE;
  if (!v->can_reopen) {
    if (failed)
      g_propagate_error (error, g_steal_pointer (&failed));
    else
      g_set_error_literal (
          error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "it can't be sought");
    return FALSE;
  }
  forget (v);
  stop_seeking (v, "its source can't be sought");
  return TRUE;
}

/* A source that does not come back to its first frame lies elsewhere, too. */
static gboolean
seek_start (Video *v, GError **error)
{
  if (!seek (v, 0, error))
    return FALSE;
  v->sought = FALSE;
  if (v->can_seek
      && (!shown_is (&v->cur) || v->cur.frame.t != v->first.beat
          || v->cur.frame.duration != v->first.duration))
    stop_seeking (v, "after a seek its first frame is another one");
  return TRUE;
}

gboolean
video_rewind (Video *v, GError **error)
{
  if (v->can_seek && !seek_start (v, error))
    return FALSE;
  if (v->can_seek)
    return TRUE;
  v->first = (Owl2Pace){ 0 };
  forget (v);
  v->sought = FALSE;
  if (!player_start (v->player, error) || !video_advance (v, error))
    return FALSE;
  v->first = (Owl2Pace){ v->cur.frame.t, v->cur.frame.duration };
  v->first_stop = v->cur.frame.stop;
  return TRUE;
}

/* To a frame that is earlier than @t by more than times are rounded by. */
static gboolean
seek_before (Video *v, gint64 t, GError **error)
{
  gint64 back = 0;

  while (v->can_seek && !v->no_keys) {
    const gint64 at = t - ROUNDED - back;

    if (at <= v->first.beat)
      break;
    if (!seek (v, at, error))
      return FALSE;
    if (v->can_seek && shown_is (&v->cur) && v->cur.frame.t <= at)
      return TRUE;
    back = back ? 4 * back : (gint64) FIRST_BACK;
  }
  return video_rewind (v, error);
}

/* ---- finding ------------------------------------------------------------ */

/* Where decoding from here does not come to @t any more. */
static gboolean
is_behind (const Video *v, gint64 t)
{
  const Shown *earliest = shown_is (&v->prev) ? &v->prev : &v->cur;

  if (!shown_is (earliest))
    return TRUE;
  return earliest->frame.t > t && earliest->frame.t > v->first.beat;
}

static gboolean
move_to (Video *v, gint64 t, GError **error)
{
  const gint64 from = v->cur.frame.t;

  if (is_behind (v, t))
    return !video_can_rewind (v) || seek_before (v, t, error);
  if (!v->can_seek || v->no_keys || v->at_end || t - v->cur.end <= v->gap)
    return TRUE;
  if (!seek_before (v, t, error))
    return FALSE;
  /* There is nothing between that a seek could have gone to. */
  if (v->cur.frame.t <= from)
    v->gap = MAX (2 * v->gap, t - v->cur.frame.t);
  return TRUE;
}

/* It goes on as the first frames did. */
static gboolean
is_steady (const Video *v, const PlayerFrame *f)
{
  return ABS (f->duration - v->first.duration) <= OWL2_PACE_EXACT
         && ABS (owl2_pace_off (&v->first, f->t, v->first.duration))
                <= OWL2_PACE_ROUNDING;
}

/* After a seek the pace of the frames before is not known, unless it is steady.
 * It tells whether a frame is still there at @t if that is near to its end. */
static gboolean
is_uncertain (const Video *v, gint64 t)
{
  const PlayerFrame *f = &v->cur.frame;

  if (!v->sought)
    return FALSE;
  if (!f->duration)
    return TRUE;
  return !is_steady (v, f) && ABS (f->t + f->duration - t) <= 2 * ROUNDED;
}

/* `cur` is the first one seen after @t; the later of two that are as near. */
static Shown *
nearer (Video *v, gint64 t)
{
  const gint64 ahead = v->cur.frame.t - t;

  return shown_is (&v->prev) && ahead > 0
                 && t - MIN (v->prev.gone, v->cur.frame.t) < ahead
             ? &v->prev
             : &v->cur;
}

Shown *
video_pick (Video *v, gint64 t, gboolean *past, GError **error)
{
  *past = FALSE;
  if (!move_to (v, t, error))
    return NULL;
  if (shown_at (&v->prev, t))
    return &v->prev;
  for (;;) {
    if (v->can_seek && is_uncertain (v, t))
      stop_seeking (v, "its frames come at no even pace");
    if (is_lost (v) && !video_rewind (v, error))
      return NULL;
    if (shown_at (&v->cur, t))
      return nearer (v, t);
    if (!video_advance (v, error))
      return NULL;
    if (v->at_end) {
      *past = TRUE;
      return &v->cur;
    }
  }
}

/* To the last frames, from which on all is decoded, if that is not nearly all
 * there is. What a source says of its end may be wrong either way. */
static gboolean
seek_end (Video *v, gint64 length, GError **error)
{
  gint64 back = GST_SECOND;

  for (; v->can_seek && length - back > MAX (v->first.beat, 0); back *= 4) {
    if (!seek (v, length - back, error))
      return FALSE;
    if (!shown_is (&v->cur))
      continue;
    v->no_keys = v->cur.frame.t < (length - back) / 2;
    break;
  }
  /* So it is with a file that was cut short. */
  if (v->sought && v->can_seek && !shown_is (&v->cur))
    stop_seeking (v, "there is nothing where it is said to end");
  while (v->sought && v->can_seek && !v->no_keys && !v->have_end)
    if (!video_advance (v, error))
      return FALSE;
  return TRUE;
}

gboolean
video_seek_end (Video *v, GError **error)
{
  gint64 length;

  return v->have_end || !v->can_seek || v->no_keys
         || !player_get_duration (v->player, &length)
         || seek_end (v, length, error);
}

gboolean
video_find_end (Video *v, gint64 to, GError **error)
{
  while (!v->have_end) {
    const gboolean anew = is_lost (v) || !shown_is (&v->cur);

    if (!anew && v->cur.end >= to)
      break;
    if (anew ? !video_rewind (v, error) : !video_advance (v, error))
      return FALSE;
  }
  return TRUE;
}
