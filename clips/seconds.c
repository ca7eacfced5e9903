/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame for each second of the whole stream. */
#include "clip_private.h"

#define SECOND G_GINT64_CONSTANT (1000000000)

static gboolean
has_rate (const Owl2ClipSettings *settings)
{
  return settings->fps_n && settings->fps_d;
}

/* floor (@n * @mul / @div), which stays at the largest number; @n counts frames
 * or seconds. */
static gint64
scale (gint64 n, guint mul, guint div)
{
  const guint64 whole = (guint64) n / div, rest = (guint64) n % div;

  if (whole > (guint64) G_MAXINT64 / 2 / mul)
    return G_MAXINT64;
  return (gint64) (whole * mul + rest * mul / div);
}

/* Whether the next second is the frame's that is the latest. */
static gboolean
is_second (Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 shown_until)
{
  if (has_rate (settings))
    return scale (c->next_second, settings->fps_n, settings->fps_d) < c->n_seen;
  return c->next_second < (OWL2_CLIP_AXIS_MAX / SECOND)
         && c->origin + c->next_second * SECOND < shown_until;
}

/* Lets every second one go where there are too many. */
static void
thin (Owl2Clipper *c)
{
  guint kept = 0;

  if (c->candidates->len < OWL2_CLIP_MAX_CANDIDATES)
    return;
  c->second_step *= 2;
  for (guint i = 0; i < c->candidates->len; i++) {
    const Candidate *can = &g_array_index (c->candidates, Candidate, i);

    if (can->point % c->second_step)
      c->funcs.drop (can->frame, c->user_data);
    else
      g_array_index (c->candidates, Candidate, kept++) = *can;
  }
  g_array_set_size (c->candidates, kept);
}

void
owl2_clipper_push_second (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end)
{
  const gint64 shown_until = MAX (end, t + 1);

  if (!c->anchored) {
    c->anchored = TRUE;
    c->origin = t;
    c->n_seen = 0;
    c->next_second = 0;
    c->second_step = 1;
  }
  c->n_seen++;
  owl2_clipper_evict (c, owl2_clipper_whole_start (c, settings, c->last_end));
  /* By steps, however many seconds one frame is on screen. */
  while (is_second (c, settings, shown_until)) {
    Candidate next = { NULL, t, end, c->next_second, FALSE };

    next.frame = c->funcs.take (settings->data, c->user_data);
    if (!next.frame)
      return;
    g_array_append_val (c->candidates, next);
    thin (c);
    c->next_second = (c->next_second / c->second_step + 1) * c->second_step;
  }
}

/* Seconds that the stream has, of which the last is whole. */
static gint64
n_seconds (Owl2Clipper *c, const Owl2ClipSettings *settings)
{
  const gint64 n = has_rate (settings)
                       ? scale (c->n_seen, settings->fps_d, settings->fps_n)
                       : (c->last_end - c->origin) / SECOND;

  return MAX (n, 1);
}

/* The last one that is not after second @i. */
static const Candidate *
candidate_at (Owl2Clipper *c, gint64 i)
{
  guint at = c->candidates->len - 1;

  while (at && g_array_index (c->candidates, Candidate, at).point > i)
    at--;
  return &g_array_index (c->candidates, Candidate, at);
}

void
owl2_clipper_finish_seconds (Owl2Clipper *c, const Owl2ClipSettings *settings)
{
  gint64 first, n;
  Owl2Clip *clip;

  if (c->candidates->len == 0)
    return;
  clip = clip_new (c, settings);
  clip->settings.n_frames = c->n_seen == 1;
  clip->start = owl2_clipper_whole_start (c, settings, c->last_end);
  clip->end = c->last_end;
  owl2_clipper_evict (c, clip->start);

  first = g_array_index (c->candidates, Candidate, 0).point;
  n = c->n_seen == 1
          ? 1
          : MAX (MIN (n_seconds (c, settings), c->next_second) - first, 1);
  clip->n_wanted = (guint) MIN (n, G_MAXINT);
  for (gint64 j = 0, k = MIN (n, OWL2_CLIP_MAX_FRAMES); j < k; j++) {
    const Candidate *can = candidate_at (c, first + n / k * j + n % k * j / k);

    clip_add (clip, c->funcs.ref (can->frame, c->user_data), can->t);
  }
  owl2_clipper_drop_candidates (c);
  c->funcs.done (clip, c->user_data);
}
