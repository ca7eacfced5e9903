/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip_private.h"

/* The next frame is a first frame again, and what `whole` says starts anew. */
static void
clipper_restart (Owl2Clipper *c)
{
  c->anchored = FALSE;
  c->covered = G_MININT64;
  c->refused = FALSE;
}

Owl2Clipper *
owl2_clipper_new (const Owl2ClipperFuncs *funcs, gpointer user_data)
{
  Owl2Clipper *c = g_new0 (Owl2Clipper, 1);

  c->funcs = *funcs;
  c->user_data = user_data;
  c->open = g_ptr_array_new ();
  c->candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  clipper_restart (c);
  return c;
}

void
owl2_clipper_free (Owl2Clipper *c)
{
  if (!c)
    return;
  owl2_clipper_reset (c);
  g_ptr_array_unref (c->open);
  g_array_unref (c->candidates);
  g_free (c);
}

void
owl2_clipper_free_clip (Owl2Clipper *c, Owl2Clip *clip)
{
  for (guint i = 0; i < clip->n_frames; i++)
    c->funcs.drop (clip->frames[i], c->user_data);
  if (c->funcs.let_go)
    c->funcs.let_go (clip->settings.data, c->user_data);
  if (clip->own && c->funcs.closed)
    c->funcs.closed (clip->own, c->user_data);
  g_free (clip);
}

/* ---- pushing ---------------------------------------------------------- */

/* Ends what the frame at @t does not belong to; FALSE if it is to be passed
 * over. */
static gboolean
clipper_check_time (Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t)
{
  const gint64 allowed =
      time_add (settings->interval, clip_settings_span (settings));

  if (!c->have_last)
    return TRUE;
  if (t < c->last) {
    if (!c->new_segment && c->last - t <= allowed)
      return FALSE;
    owl2_clipper_cut (c, settings);
  } else if (c->new_segment && t > time_add (c->last_end, settings->interval)) {
    owl2_clipper_cut (c, settings);
  }
  return TRUE;
}

void
owl2_clipper_push (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 duration)
{
  const gboolean seconds = settings->whole && !settings->n_frames;
  gint64 end;

  t = CLAMP (t, -OWL2_CLIP_AXIS_MAX, OWL2_CLIP_AXIS_MAX);
  duration = CLAMP (duration, 0, OWL2_CLIP_AXIS_MAX);
  if (!clipper_check_time (c, settings, t))
    return;
  end = owl2_pace_end (&c->pace, t, duration);
  c->new_segment = FALSE;
  c->last = t;
  c->last_end = c->have_last ? MAX (c->last_end, end) : end;
  c->have_last = TRUE;

  if (c->whole != settings->whole || c->seconds != seconds) {
    owl2_clipper_drop_candidates (c);
    clipper_restart (c);
    c->whole = settings->whole;
    c->seconds = seconds;
  }

  end = owl2_pace_gone (end, duration);
  /* Clips that are open when `whole` changes are still completed. */
  owl2_clipper_finish_passed (c, t);
  owl2_clipper_push_interval (c, settings, t, end);
  if (c->seconds)
    owl2_clipper_push_second (c, settings, t, end);
  else if (c->whole)
    owl2_clipper_push_whole (c, settings, t, end);
}

void
owl2_clipper_gap (Owl2Clipper *c, gint64 t, gint64 duration)
{
  t = CLAMP (t, -OWL2_CLIP_AXIS_MAX, OWL2_CLIP_AXIS_MAX);
  duration = CLAMP (duration, 0, OWL2_CLIP_AXIS_MAX);
  if (c->have_last && t >= c->last)
    owl2_clipper_finish_passed (c, t + duration);
}

void
owl2_clipper_new_segment (Owl2Clipper *c)
{
  c->new_segment = TRUE;
}

void
owl2_clipper_cut (Owl2Clipper *c, const Owl2ClipSettings *settings)
{
  while (c->open->len) {
    Owl2Clip *clip = g_ptr_array_index (c->open, 0);

    clip->end = MIN (clip->end, MAX (clip->start, c->last_end));
    owl2_clipper_finish (c, 0);
  }
  if (c->seconds)
    owl2_clipper_finish_seconds (c, settings);
  else
    owl2_clipper_finish_whole (c, settings);
  if (c->refused)
    c->n_refused++;
  clipper_restart (c);
  c->have_last = FALSE;
  c->pace = (Owl2Pace){ 0 };
}

void
owl2_clipper_reset (Owl2Clipper *c)
{
  for (guint i = 0; i < c->open->len; i++)
    owl2_clipper_free_clip (c, g_ptr_array_index (c->open, i));
  g_ptr_array_set_size (c->open, 0);
  c->n_open_frames = 0;
  owl2_clipper_drop_candidates (c);
  clipper_restart (c);
  c->have_last = FALSE;
  c->pace = (Owl2Pace){ 0 };
  c->new_segment = FALSE;
  c->n_expected = 0;
  c->n_refused = 0;
}

guint
owl2_clipper_refused (Owl2Clipper *c)
{
  guint n = c->n_refused;

  c->n_refused = 0;
  return n;
}

guint
owl2_clipper_n_held (const Owl2Clipper *c)
{
  guint n = c->candidates->len;

  for (guint i = 0; i < c->open->len; i++)
    n += ((const Owl2Clip *) g_ptr_array_index (c->open, i))->n_frames;
  return n;
}
