/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2stream-private.h"

/* How far behind the video the newest frame is at most that a question that
 * comes late is about. */
#define FRESH_NS (100 * GST_MSECOND)

void
gst_owl2_stream_update_wanted (GstOwl2Stream *self)
{
  const gboolean wanted = gst_owl2_questions_are_wanted (self->questions);

  if (self->wanted && !wanted)
    gst_owl2_questions_set_newest (self->questions, NULL);
  self->wanted = wanted;
}

/* The clip that a question is about ends with the picture that is looked at, at
 * @t, if the one that it ends with now is more than @fresh older. */
static void
stream_keep_recent (
    GstOwl2Stream *self, GstOwl2Settings *settings, gint64 t, guint64 fresh)
{
  g_autoptr (GstOwl2Frame) frame = NULL;

  if (!gst_owl2_recent_wants (&self->recent, settings, t, fresh))
    return;
  frame = gst_owl2_stream_take (self, settings->image_mode);
  if (!frame)
    return;
  gst_owl2_recent_add (&self->recent, settings, frame, t);
  if (settings->trigger == GST_OWL2_TRIGGER_QUESTION)
    gst_owl2_worker_set_newest (
        self->worker, gst_owl2_recent_job (&self->recent, settings));
  if (self->wanted)
    gst_owl2_questions_set_newest (
        self->questions, gst_owl2_recent_job (&self->recent, settings));
}

/* A question's clip ends at its time, in playback. */
static void
stream_extend (GstOwl2Stream *self, GstOwl2Job *job, GstClockTime running)
{
  const GstClockTime time =
      gst_owl2_questions_stream_time (&self->segment, running);

  if (!GST_CLOCK_TIME_IS_VALID (time))
    return;
  if (self->direction < 0)
    job->start = MIN (job->start, time);
  else
    job->end = MAX (job->end, time);
}

/* A live stream can't be held up. */
static gboolean
stream_waits_for_questions (const GstOwl2Stream *self)
{
  return self->wait && !self->upstream_live;
}

/* Asks the questions before the running time @end. @t: (nullable): the time of
 * the picture that is looked at, which is on screen at theirs; NULL: what came
 * before is. */
static void
stream_ask (GstOwl2Stream *self, GstOwl2Settings *settings, GstClockTime end,
    const gint64 *t)
{
  const gboolean wait = stream_waits_for_questions (self);
  GstClockTime time;
  char *text;

  while ((text = gst_owl2_questions_next (self->questions, end, wait, &time))) {
    GstOwl2Job *job;

    if (t)
      stream_keep_recent (self, settings, *t, 0);
    if (!gst_owl2_recent_last (&self->recent)) {
      gst_owl2_questions_put_back (self->questions, text);
      return;
    }
    job = gst_owl2_recent_job (&self->recent, settings);
    stream_extend (self, job, time);
    job->place = gst_owl2_hold_place (self->hold, self->wait);
    gst_owl2_questions_lend (self->questions, job, text);
    /* Where the stream waits, the order is the same in each run. */
    gst_owl2_worker_ask_job (self->worker, job, self->wait);
  }
}

void
gst_owl2_stream_ask_before (
    GstOwl2Stream *self, GstOwl2Settings *settings, GstClockTime end)
{
  if (gst_owl2_recent_last (&self->recent))
    stream_ask (self, settings, end, NULL);
}

void
gst_owl2_stream_keep (GstOwl2Stream *self, GstOwl2Settings *settings, gint64 t,
    guint64 length, GstClockTime running_end)
{
  const gboolean exact = stream_waits_for_questions (self) || !length;

  /* Nobody may ever ask about what is kept for questions. */
  self->lazy = TRUE;
  if (self->wanted)
    stream_keep_recent (self, settings, t, exact ? 0 : FRESH_NS);
  else if (settings->trigger == GST_OWL2_TRIGGER_QUESTION)
    stream_keep_recent (self, settings, t, G_MAXUINT64);
  else
    gst_owl2_recent_clear (&self->recent);
  self->lazy = FALSE;
  if (self->wanted)
    stream_ask (self, settings, running_end, &t);
}
