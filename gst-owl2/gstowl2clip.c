/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2clip.h"

/* A frame kept for trigger=eos. */
typedef struct {
  gpointer frame;
  gint64 t, end;
} Candidate;

struct _GstOwl2Clipper {
  GstOwl2ClipperFuncs funcs;
  gpointer user_data;

  GstOwl2Trigger trigger;
  gboolean have_last;
  gint64 last;     /* start of the latest frame */
  gint64 last_end; /* end of everything seen */
  gboolean new_segment;

  /* interval */
  GPtrArray *open;     /* GstOwl2Clip, in order of opening */
  guint n_open_frames; /* that the open clips ask for together */
  gboolean anchored;
  gint64 grid;    /* start of the last clip that was opened */
  gint64 covered; /* starts before this were on screen already */
  gboolean refused;
  gint64 refused_at;
  guint n_refused;

  /* eos: the first frame of each cell [origin + k * step, + step) */
  GArray *candidates;
  gint64 origin, step;
};

/* The next frame is a first frame again, and a trigger starts anew. */
static void
clipper_restart (GstOwl2Clipper *c)
{
  c->anchored = FALSE;
  c->covered = G_MININT64;
  c->refused = FALSE;
}

GstOwl2Clipper *
gst_owl2_clipper_new (const GstOwl2ClipperFuncs *funcs, gpointer user_data)
{
  GstOwl2Clipper *c = g_new0 (GstOwl2Clipper, 1);

  c->funcs = *funcs;
  c->user_data = user_data;
  c->open = g_ptr_array_new ();
  c->candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  clipper_restart (c);
  return c;
}

void
gst_owl2_clipper_free (GstOwl2Clipper *c)
{
  if (!c)
    return;
  gst_owl2_clipper_reset (c);
  g_ptr_array_unref (c->open);
  g_array_unref (c->candidates);
  g_free (c);
}

void
gst_owl2_clipper_free_clip (GstOwl2Clipper *c, GstOwl2Clip *clip)
{
  for (guint i = 0; i < clip->n_frames; i++)
    c->funcs.drop (clip->frames[i], c->user_data);
  gst_owl2_settings_unref (clip->settings);
  g_free (clip);
}

/* Adds b >= 0 and stays at the largest number instead of wrapping. */
static gint64
time_add (gint64 a, guint64 b)
{
  if (a < 0)
    return b > G_MAXINT64 ? G_MAXINT64 : a + (gint64) b;
  return b > (guint64) (G_MAXINT64 - a) ? G_MAXINT64 : a + (gint64) b;
}

/* floor (span * i / n) without a wider product; n and i are small. */
static guint64
time_part (guint64 span, guint i, guint n)
{
  return span / n * i + span % n * i / n;
}

static guint64
settings_span (const GstOwl2Settings *settings)
{
  return settings->span ? settings->span : settings->interval;
}

static void
clip_add (GstOwl2Clip *clip, gpointer frame, gint64 t)
{
  clip->frames[clip->n_frames] = frame;
  clip->times[clip->n_frames] = t;
  clip->n_frames++;
}

/* ---- interval ---------------------------------------------------------- */

static gboolean
clip_is_complete (const GstOwl2Clip *clip)
{
  return clip->n_frames == clip->settings->n_frames;
}

/* Takes the clip out of the open ones and hands it on. */
static void
clipper_finish (GstOwl2Clipper *c, guint index)
{
  GstOwl2Clip *clip = g_ptr_array_remove_index (c->open, index);

  c->n_open_frames -= clip->settings->n_frames;
  c->funcs.done (clip, c->user_data);
}

/* Clips that end at or before @t get no more frames. */
static void
clipper_finish_passed (GstOwl2Clipper *c, gint64 t)
{
  for (guint i = 0; i < c->open->len;) {
    GstOwl2Clip *clip = g_ptr_array_index (c->open, i);

    if (clip->end <= t)
      clipper_finish (c, i);
    else
      i++;
  }
}

/* Puts the frame at each of the clip's targets that it is the first to reach.
 * FALSE if it could not be taken. */
static gboolean
clipper_fill (GstOwl2Clipper *c, GstOwl2Clip *clip, gint64 t, gint64 end)
{
  const guint n = clip->settings->n_frames;
  const guint64 span = settings_span (clip->settings);

  while (clip->n_frames < n) {
    gint64 target = time_add (clip->start, time_part (span, clip->n_frames, n));
    gpointer frame;

    if (t < target && end <= target)
      break;
    frame = c->funcs.take (c->user_data);
    if (!frame)
      return FALSE;
    clip_add (clip, frame, t);
  }
  return TRUE;
}

/* Finds the start of the clip that this frame opens, if it opens one. */
static gboolean
clipper_find_start (GstOwl2Clipper *c, const GstOwl2Settings *settings,
    gint64 t, gint64 end, gint64 *start)
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
      && t < time_add (before, settings_span (settings))) {
    *start = before;
    return TRUE;
  }
  return FALSE;
}

/* FALSE if a clip was due but the frame could not be taken. */
static gboolean
clipper_open (
    GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t, gint64 end)
{
  GstOwl2Clip *clip;
  gint64 start;

  if (!clipper_find_start (c, settings, t, end, &start))
    return TRUE;

  if (c->open->len < GST_OWL2_MAX_OPEN_CLIPS
      && c->n_open_frames + settings->n_frames <= GST_OWL2_MAX_OPEN_FRAMES) {
    clip = g_new0 (GstOwl2Clip, 1);
    clip->settings = gst_owl2_settings_ref (settings);
    clip->start = start;
    clip->end = time_add (start, settings_span (settings));
    clipper_fill (c, clip, t, end);
    if (clip->n_frames) {
      g_ptr_array_add (c->open, clip);
      c->n_open_frames += settings->n_frames;
      c->anchored = TRUE;
      c->grid = start;
      if (c->refused && c->refused_at != start)
        c->n_refused++;
      c->refused = FALSE;
      return TRUE;
    }
    gst_owl2_clipper_free_clip (c, clip);
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

static void
clipper_push_interval (
    GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t, gint64 end)
{
  gboolean shown = TRUE;

  for (guint i = 0; i < c->open->len; i++)
    clipper_fill (c, g_ptr_array_index (c->open, i), t, end);
  if (settings->trigger == GST_OWL2_TRIGGER_INTERVAL)
    shown = clipper_open (c, settings, t, end);
  if (shown)
    c->covered = MAX (c->covered, end);

  for (guint i = 0; i < c->open->len;) {
    if (clip_is_complete (g_ptr_array_index (c->open, i)))
      clipper_finish (c, i);
    else
      i++;
  }
}

/* ---- eos --------------------------------------------------------------- */

static Candidate *
clipper_candidate (GstOwl2Clipper *c, guint i)
{
  return &g_array_index (c->candidates, Candidate, i);
}

/* Doubles the step until fewer than @limit frames are kept. On a regular stream
 * one round lets every second one go; after a long pause it takes more, but
 * never more than 63. */
static void
clipper_thin (GstOwl2Clipper *c, guint limit)
{
  while (c->candidates->len >= limit) {
    guint kept = 1;

    c->step *= 2;
    for (guint i = 1; i < c->candidates->len; i++) {
      Candidate *last = clipper_candidate (c, kept - 1);
      Candidate *next = clipper_candidate (c, i);

      if ((next->t - c->origin) / c->step == (last->t - c->origin) / c->step)
        c->funcs.drop (next->frame, c->user_data);
      else
        *clipper_candidate (c, kept++) = *next;
    }
    g_array_set_size (c->candidates, kept);
  }
}

/* What ended at or before @start is never asked for again, but one frame always
 * stays, in case that no later one can be taken. */
static void
clipper_evict (GstOwl2Clipper *c, gint64 start)
{
  guint n = 0;

  while (n + 1 < c->candidates->len) {
    Candidate *can = clipper_candidate (c, n);

    if (MAX (can->end, can->t + 1) > start)
      break;
    c->funcs.drop (can->frame, c->user_data);
    n++;
  }
  if (n)
    g_array_remove_range (c->candidates, 0, n);
}

/* Where the time that trigger=eos looks at begins, if the stream ends now. */
static gint64
clipper_eos_start (GstOwl2Clipper *c, const GstOwl2Settings *settings)
{
  if (settings->span && time_add (c->origin, settings->span) < c->last_end)
    return c->last_end - (gint64) settings->span;
  return c->origin;
}

static void
clipper_push_eos (
    GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t, gint64 end)
{
  const guint limit = MAX (2 * settings->n_frames, GST_OWL2_MIN_CANDIDATES);
  Candidate next = { NULL, t, end };
  GArray *kept = c->candidates;

  if (!c->anchored) {
    c->anchored = TRUE;
    c->origin = t;
    c->step = 1;
  }
  clipper_evict (c, clipper_eos_start (c, settings));
  clipper_thin (c, limit);
  if (kept->len
      && (clipper_candidate (c, kept->len - 1)->t - c->origin) / c->step
             == (t - c->origin) / c->step)
    return;
  next.frame = c->funcs.take (c->user_data);
  if (next.frame)
    g_array_append_val (kept, next);
}

static void
clipper_drop_candidates (GstOwl2Clipper *c)
{
  for (guint i = 0; i < c->candidates->len; i++)
    c->funcs.drop (clipper_candidate (c, i)->frame, c->user_data);
  g_array_set_size (c->candidates, 0);
}

/* The frame on screen at @target, or else the nearest; the later of two. */
static const Candidate *
clipper_nearest (GstOwl2Clipper *c, gint64 target)
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
 * equal parts of the time looked at. */
static void
clipper_finish_eos (GstOwl2Clipper *c, GstOwl2Settings *settings)
{
  const guint n = settings->n_frames;
  GstOwl2Clip *clip;
  guint64 d;

  if (c->candidates->len == 0)
    return;

  clip = g_new0 (GstOwl2Clip, 1);
  clip->settings = gst_owl2_settings_ref (settings);
  clip->start = clipper_eos_start (c, settings);
  clip->end = c->last_end;
  d = (guint64) (clip->end - clip->start);
  clipper_evict (c, clip->start);

  for (guint i = 0; i < n; i++) {
    const Candidate *can = clipper_nearest (
        c, clip->start + (gint64) time_part (d, 2 * i + 1, 2 * n));

    clip_add (clip, c->funcs.ref (can->frame, c->user_data), can->t);
  }
  clipper_drop_candidates (c);
  c->funcs.done (clip, c->user_data);
}

/* ---- both -------------------------------------------------------------- */

/* Ends what the frame at @t does not belong to; FALSE if it is to be passed
 * over. */
static gboolean
clipper_check_time (GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t)
{
  const gint64 allowed =
      time_add (settings->interval, settings_span (settings));

  if (!c->have_last)
    return TRUE;
  if (t < c->last) {
    if (!c->new_segment && c->last - t <= allowed)
      return FALSE;
    gst_owl2_clipper_cut (c, settings);
  } else if (c->new_segment && t > time_add (c->last_end, settings->interval)) {
    gst_owl2_clipper_cut (c, settings);
  }
  return TRUE;
}

void
gst_owl2_clipper_push (
    GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t, gint64 duration)
{
  gint64 end;

  t = CLAMP (t, -GST_OWL2_AXIS_MAX, GST_OWL2_AXIS_MAX);
  duration = CLAMP (duration, 0, GST_OWL2_AXIS_MAX);
  end = t + duration;

  if (!clipper_check_time (c, settings, t))
    return;
  c->new_segment = FALSE;
  c->last = t;
  c->last_end = c->have_last ? MAX (c->last_end, end) : end;
  c->have_last = TRUE;

  if (c->trigger != settings->trigger) {
    clipper_drop_candidates (c);
    clipper_restart (c);
    c->trigger = settings->trigger;
  }

  /* Interval clips that are open when the trigger changes are still
   * completed. */
  clipper_finish_passed (c, t);
  clipper_push_interval (c, settings, t, end);
  if (c->trigger == GST_OWL2_TRIGGER_EOS)
    clipper_push_eos (c, settings, t, end);
}

void
gst_owl2_clipper_gap (GstOwl2Clipper *c, gint64 t, gint64 duration)
{
  t = CLAMP (t, -GST_OWL2_AXIS_MAX, GST_OWL2_AXIS_MAX);
  duration = CLAMP (duration, 0, GST_OWL2_AXIS_MAX);
  if (c->have_last && t >= c->last)
    clipper_finish_passed (c, t + duration);
}

void
gst_owl2_clipper_new_segment (GstOwl2Clipper *c)
{
  c->new_segment = TRUE;
}

void
gst_owl2_clipper_cut (GstOwl2Clipper *c, GstOwl2Settings *settings)
{
  while (c->open->len) {
    GstOwl2Clip *clip = g_ptr_array_index (c->open, 0);

    clip->end = MIN (clip->end, MAX (clip->start, c->last_end));
    clipper_finish (c, 0);
  }
  clipper_finish_eos (c, settings);
  if (c->refused)
    c->n_refused++;
  clipper_restart (c);
  c->have_last = FALSE;
}

void
gst_owl2_clipper_reset (GstOwl2Clipper *c)
{
  for (guint i = 0; i < c->open->len; i++)
    gst_owl2_clipper_free_clip (c, g_ptr_array_index (c->open, i));
  g_ptr_array_set_size (c->open, 0);
  c->n_open_frames = 0;
  clipper_drop_candidates (c);
  clipper_restart (c);
  c->have_last = FALSE;
  c->new_segment = FALSE;
  c->n_refused = 0;
}

guint
gst_owl2_clipper_refused (GstOwl2Clipper *c)
{
  guint n = c->n_refused;

  c->n_refused = 0;
  return n;
}

guint
gst_owl2_clipper_n_held (const GstOwl2Clipper *c)
{
  guint n = c->candidates->len;

  for (guint i = 0; i < c->open->len; i++)
    n += ((const GstOwl2Clip *) g_ptr_array_index (c->open, i))->n_frames;
  return n;
}
