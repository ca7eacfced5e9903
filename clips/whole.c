/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip_private.h"

gint64
owl2_clipper_whole_start (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 end)
{
  if (settings->span && time_add (c->origin, settings->span) < end)
    return end - (gint64) settings->span;
  return c->origin;
}

static Candidate *
clipper_candidate (Owl2Clipper *c, guint i)
{
  return &g_array_index (c->candidates, Candidate, i);
}

/* The first point of the grid at or after @t, which is not before the origin.
 */
static gint64
clipper_point (const Owl2Clipper *c, gint64 t)
{
  const gint64 rest = (t - c->origin) % c->step;

  return rest ? time_add (t, (guint64) (c->step - rest)) : t;
}

/* Lets candidates go whose points are not on the grid (any more), but for those
 * at an expected target; one always stays. Returns: how many of the others are
 * left. */
static guint
clipper_sift (Owl2Clipper *c)
{
  guint kept = 0, n = 0;

  for (guint i = 0; i < c->candidates->len; i++) {
    Candidate *can = clipper_candidate (c, i);

    can->point = clipper_point (c, can->point);
    if (can->point >= MAX (can->end, can->t + 1) && !can->pinned
        && (kept > 0 || i + 1 < c->candidates->len)) {
      c->funcs.drop (can->frame, c->user_data);
      continue;
    }
    n += !can->pinned;
    *clipper_candidate (c, kept++) = *can;
  }
  g_array_set_size (c->candidates, kept);
  return n;
}

/* Doubles the step until few enough are kept. On a regular stream one round
 * lets every second one go; after a long pause it takes more, but never more
 * than 63. */
static void
clipper_thin (Owl2Clipper *c)
{
  if (c->n_unpinned < OWL2_CLIP_MAX_CANDIDATES)
    return;
  do {
    c->step *= 2;
    c->n_unpinned = clipper_sift (c);
  } while (c->n_unpinned >= OWL2_CLIP_MAX_CANDIDATES);
  c->next_point = clipper_point (c, c->next_point);
}

void
owl2_clipper_evict (Owl2Clipper *c, gint64 start)
{
  guint n = 0;

  while (n + 1 < c->candidates->len) {
    Candidate *can = clipper_candidate (c, n);

    if (MAX (can->end, can->t + 1) > start)
      break;
    c->n_unpinned -= !can->pinned;
    c->funcs.drop (can->frame, c->user_data);
    n++;
  }
  if (n)
    g_array_remove_range (c->candidates, 0, n);
}

/* A new stream, or one of which other frames are wanted from @t on. */
static void
clipper_update_targets (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t)
{
  if (!c->retarget && c->n_frames == settings->n_frames
      && c->span == settings->span)
    return;
  /* A shorter span is to be spread over as finely as a stream of its length. */
  while (settings->span && settings->span != c->span && c->step > 1
         && (guint64) c->step > settings->span / (OWL2_CLIP_MAX_CANDIDATES / 2))
    c->step /= 2;
  c->next_point = clipper_point (c, t);

  for (guint i = 0; i < c->candidates->len; i++)
    clipper_candidate (c, i)->pinned = FALSE;
  c->n_unpinned = clipper_sift (c);
  for (guint i = 0; i < c->n_expected; i++) {
    Expected *e = &c->expected[i];
    const gint64 start = owl2_clipper_whole_start (c, settings, e->end);

    e->next = e->end > c->origin ? 0 : settings->n_frames;
    while (e->next < settings->n_frames
           && owl2_pace_middle (start, e->end, e->next, settings->n_frames) < t)
      e->next++;
  }
  c->retarget = FALSE;
  c->n_frames = settings->n_frames;
  c->span = settings->span;
}

/* Whether a frame that is shown until @shown_until is the first one at an
 * expected target. @pass: go on to the next ones. */
static gboolean
clipper_is_expected (Owl2Clipper *c, const Owl2ClipSettings *settings,
    gint64 shown_until, gboolean pass)
{
  gboolean is = FALSE;

  for (guint i = 0; i < c->n_expected; i++) {
    Expected *e = &c->expected[i];
    const gint64 start = owl2_clipper_whole_start (c, settings, e->end);

    while (e->next < settings->n_frames
           && owl2_pace_middle (start, e->end, e->next, settings->n_frames)
                  < shown_until) {
      is = TRUE;
      if (!pass)
        break;
      e->next++;
    }
  }
  return is;
}

void
owl2_clipper_push_whole (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end)
{
  const gint64 shown_until = MAX (end, t + 1);
  Candidate next = { NULL, t, end, 0, FALSE };
  GArray *kept = c->candidates;

  if (!c->anchored) {
    c->anchored = TRUE;
    c->origin = t;
    c->step = 1;
    c->n_unpinned = 0;
    c->retarget = TRUE;
    c->n_seen = 0;
  }
  c->n_seen++;
  if (kept->len) {
    Candidate *last = clipper_candidate (c, kept->len - 1);

    if (last->t == t)
      return;
    /* From here on this frame is shown, however long the last one was meant to
     * be. */
    last->end = MIN (last->end, t);
  }
  clipper_update_targets (c, settings, t);
  owl2_clipper_evict (c, owl2_clipper_whole_start (c, settings, c->last_end));
  clipper_thin (c);

  c->next_point = MIN (c->next_point, clipper_point (c, t));
  next.pinned = clipper_is_expected (c, settings, shown_until, FALSE);
  if (!next.pinned
      && (c->next_point >= shown_until
          || (c->only_expected && c->n_expected && kept->len)))
    return;
  next.frame = c->funcs.take (settings->data, c->user_data);
  if (!next.frame)
    return;
  clipper_is_expected (c, settings, shown_until, TRUE);
  next.point = c->next_point;
  c->next_point = MAX (c->next_point, clipper_point (c, shown_until));
  c->n_unpinned += !next.pinned;
  g_array_append_val (kept, next);
}

gpointer
owl2_clipper_kept (const Owl2Clipper *c)
{
  return c->candidates->len ? g_array_index (c->candidates, Candidate, 0).frame
                            : NULL;
}

void
owl2_clipper_drop_candidates (Owl2Clipper *c)
{
  for (guint i = 0; i < c->candidates->len; i++)
    c->funcs.drop (clipper_candidate (c, i)->frame, c->user_data);
  g_array_set_size (c->candidates, 0);
  c->n_unpinned = 0;
}

/* The frame on screen at @target, or else the nearest; the later of two. */
static const Candidate *
clipper_nearest (Owl2Clipper *c, gint64 target)
{
  const Candidate *best = NULL;
  gint64 best_distance = G_MAXINT64;

  for (guint i = 0; i < c->candidates->len; i++) {
    const Candidate *can = clipper_candidate (c, i);
    gint64 distance = 0;

    if (can->t > target)
      distance = can->t - target;
    else if (can->end < target)
      distance = target - can->end;
    if (distance <= best_distance) {
      best_distance = distance;
      best = can;
    }
  }
  return best;
}

/* Makes the clip of what was kept: its targets are the middles of `frames`
 * equal parts of the time looked at. A single frame is no clip but an image. */
void
owl2_clipper_finish_whole (Owl2Clipper *c, const Owl2ClipSettings *settings)
{
  Owl2Clip *clip;

  if (c->candidates->len == 0)
    return;

  clip = clip_new (c, settings);
  if (!clip->settings.n_frames) /* asked for when all frames were seen */
    clip->settings.n_frames = c->n_frames;
  if (c->n_seen == 1)
    clip->settings.n_frames = 1;
  clip->start = owl2_clipper_whole_start (c, settings, c->last_end);
  clip->end = c->last_end;
  owl2_clipper_evict (c, clip->start);

  for (guint i = 0; i < clip->settings.n_frames; i++) {
    const Candidate *can = clipper_nearest (c,
        owl2_pace_middle (clip->start, clip->end, i, clip->settings.n_frames));

    clip_add (clip, c->funcs.ref (can->frame, c->user_data), can->t);
  }
  owl2_clipper_drop_candidates (c);
  c->funcs.done (clip, c->user_data);
}

void
owl2_clipper_expect (Owl2Clipper *c, const gint64 *ends, guint n_ends)
{
  g_return_if_fail (n_ends <= OWL2_CLIP_MAX_EXPECTED);

  for (guint i = 0; i < MAX (n_ends, c->n_expected); i++)
    if (i >= n_ends || i >= c->n_expected || c->expected[i].end != ends[i])
      c->retarget = TRUE;
  for (guint i = 0; i < n_ends; i++)
    c->expected[i].end =
        CLAMP (ends[i], -OWL2_CLIP_AXIS_MAX, OWL2_CLIP_AXIS_MAX);
  c->n_expected = n_ends;
}

void
owl2_clipper_set_only_expected (Owl2Clipper *c, gboolean only_expected)
{
  c->only_expected = only_expected;
}
