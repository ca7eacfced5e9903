/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2clip-private.h"

/* Times that are nearer than this are the same: they were rounded to ns, some
 * of them twice. */
#define EXACT 1000
/* Containers round times to their own unit: 1 ms in Matroska and FLV, 1/600 s
 * in old QuickTime files. Where the first frame is rounded as well, the
 * distance between the two may be off by that much. */
#define MAX_ROUNDING (GST_SECOND / 600)

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

static guint64
settings_span (const GstOwl2Settings *settings)
{
  return settings->span ? settings->span : settings->interval;
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

/* When a frame leaves the screen. If the times are those of an even pace, but
 * rounded, it leaves when the next frame would come by the pace, not by the sum
 * of two rounded numbers: 967 ms and a duration of 33.3 are 1000 ms. */
static gint64
clipper_frame_end (GstOwl2Clipper *c, gint64 t, gint64 duration)
{
  gint64 off = 0;

  if (duration && duration == c->pace && t >= c->beat) {
    off = (t - c->beat) % duration;
    if (off > duration / 2)
      off -= duration;
    if (ABS (off) > MIN ((gint64) MAX_ROUNDING, (duration - 1) / 2))
      off = 0;
  }
  if (ABS (off) <= EXACT) {
    c->beat = t;
    c->pace = duration;
    return t + duration;
  }
  return t - off + duration;
}

void
gst_owl2_clipper_push (
    GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t, gint64 duration)
{
  gint64 end;

  t = CLAMP (t, -GST_OWL2_AXIS_MAX, GST_OWL2_AXIS_MAX);
  duration = CLAMP (duration, 0, GST_OWL2_AXIS_MAX);
  if (!clipper_check_time (c, settings, t))
    return;
  end = clipper_frame_end (c, t, duration);
  c->new_segment = FALSE;
  c->last = t;
  c->last_end = c->have_last ? MAX (c->last_end, end) : end;
  c->have_last = TRUE;

  if (c->trigger != settings->trigger) {
    gst_owl2_clipper_drop_candidates (c);
    clipper_restart (c);
    c->trigger = settings->trigger;
  }

  /* At a time that is its end but for rounding to ns, a frame is not on screen
   * any more. */
  end -= MIN (EXACT, duration / 8);
  /* Interval clips that are open when the trigger changes are still
   * completed. */
  clipper_finish_passed (c, t);
  clipper_push_interval (c, settings, t, end);
  if (c->trigger == GST_OWL2_TRIGGER_EOS)
    gst_owl2_clipper_push_eos (c, settings, t, end);
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
  gst_owl2_clipper_finish_eos (c, settings);
  if (c->refused)
    c->n_refused++;
  clipper_restart (c);
  c->have_last = FALSE;
  c->pace = 0;
}

void
gst_owl2_clipper_reset (GstOwl2Clipper *c)
{
  for (guint i = 0; i < c->open->len; i++)
    gst_owl2_clipper_free_clip (c, g_ptr_array_index (c->open, i));
  g_ptr_array_set_size (c->open, 0);
  c->n_open_frames = 0;
  gst_owl2_clipper_drop_candidates (c);
  clipper_restart (c);
  c->have_last = FALSE;
  c->pace = 0;
  c->new_segment = FALSE;
  c->n_expected = 0;
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
