/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip_private.h"

static gboolean
clip_is_complete (const Owl2Clip *clip)
{
  return clip->n_frames == clip->settings.n_frames;
}

void
owl2_clipper_finish (Owl2Clipper *c, guint index)
{
  Owl2Clip *clip = g_ptr_array_remove_index (c->open, index);

  c->n_open_frames -= clip->settings.n_frames;
  c->funcs.done (clip, c->user_data);
}

void
owl2_clipper_finish_passed (Owl2Clipper *c, gint64 t)
{
  for (guint i = 0; i < c->open->len;) {
    Owl2Clip *clip = g_ptr_array_index (c->open, i);

    if (clip->end <= t)
      owl2_clipper_finish (c, i);
    else
      i++;
  }
}

/* Puts the frame at each of the clip's targets that it is the first to reach.
 * FALSE if it could not be taken. */
static gboolean
clipper_fill (Owl2Clipper *c, Owl2Clip *clip, gint64 t, gint64 end)
{
  const guint n = clip->settings.n_frames;
  const guint64 span = clip_settings_span (&clip->settings);

  while (clip->n_frames < n) {
    gint64 target =
        time_add (clip->start, owl2_pace_part (span, clip->n_frames, n));
    gpointer frame;

    if (t < target && end <= target)
      break;
    frame = c->funcs.take (clip->settings.data, c->user_data);
    if (!frame)
      return FALSE;
    clip_add (clip, frame, t);
  }
  return TRUE;
}

/* Finds the start of the clip that this frame opens, if it opens one. */
static gboolean
clipper_find_start (Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t,
    gint64 end, gint64 *start)
{
  const guint64 interval = settings->interval;
  guint64 since, rest;
  gint64 before, after;

  if (!c->anchored) {
    *start = t;
    return TRUE;
  }

  /* Neighbouring points of the grid: before <= t <= after. However long the
   * jump, this is one division. */
  since = t > c->grid ? (guint64) (t - c->grid) : 0;
  rest = since % interval;
  before = c->grid + (gint64) (since - rest);
  after = rest || before == c->grid ? time_add (before, interval) : before;

  if (after == t || after < end) {
    *start = after;
    return TRUE;
  }
  if (before > c->grid && before >= c->covered
      && t < time_add (before, clip_settings_span (settings))) {
    *start = before;
    return TRUE;
  }
  return FALSE;
}

/* FALSE if a clip was due but the frame could not be taken. */
static gboolean
clipper_open (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end)
{
  Owl2Clip *clip;
  gint64 start;

  if (!clipper_find_start (c, settings, t, end, &start))
    return TRUE;

  if (c->open->len < OWL2_CLIP_MAX_OPEN
      && c->n_open_frames + settings->n_frames <= OWL2_CLIP_MAX_OPEN_FRAMES) {
    clip = clip_new (c, settings);
    clip->start = start;
    clip->end = time_add (start, clip_settings_span (settings));
    clipper_fill (c, clip, t, end);
    if (clip->n_frames) {
      if (c->funcs.opened)
        clip->own = c->funcs.opened (clip, c->user_data);
      g_ptr_array_add (c->open, clip);
      c->n_open_frames += settings->n_frames;
      c->anchored = TRUE;
      c->grid = start;
      if (c->refused && c->refused_at != start)
        c->n_refused++;
      c->refused = FALSE;
      return TRUE;
    }
    owl2_clipper_free_clip (c, clip);
  }

  /* A later frame may still open it: it is lost when the next one is due. The
   * first clip is never lost, it begins with the first frame to be had. */
  if (c->anchored) {
    if (c->refused && c->refused_at != start)
      c->n_refused++;
    c->refused = TRUE;
    c->refused_at = start;
  }
  return FALSE;
}

void
owl2_clipper_push_interval (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end)
{
  gboolean shown = TRUE;

  for (guint i = 0; i < c->open->len; i++)
    clipper_fill (c, g_ptr_array_index (c->open, i), t, end);
  if (!settings->whole)
    shown = clipper_open (c, settings, t, end);
  if (shown)
    c->covered = MAX (c->covered, end);

  for (guint i = 0; i < c->open->len;) {
    if (clip_is_complete (g_ptr_array_index (c->open, i)))
      owl2_clipper_finish (c, i);
    else
      i++;
  }
}
