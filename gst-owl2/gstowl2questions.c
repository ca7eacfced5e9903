/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2questions.h"
#include "gstowl2latency.h"
#include "gstowl2run.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* The video waits no longer than this without news. */
#define PATIENCE_US (5 * G_TIME_SPAN_SECOND)

typedef struct {
  char *text;
  GstClockTime time; /* running time; 0: as soon as there is a frame */
  gboolean timed;
} Question;

struct _GstOwl2Questions {
  gatomicrefcount refs;
  GMutex lock; /* of all below; no other is taken under it */
  GCond cond;

  GQueue items; /* Question, by time */
  guint n_lent; /* taken out, and not done with */

  /* The pad's side */
  GstPad *pad; /* (nullable): borrowed */
  gboolean active, linked, flushing;
  gboolean eos;        /* nothing comes any more */
  gboolean untimed;    /* what comes says nothing of time */
  gboolean seeking;    /* it is about to be somewhere else */
  gboolean check_live; /* upstream is to be asked */
  gboolean live;
  GstSegment segment;
  gboolean full;     /* it waits for room */
  gint64 news_us;    /* when something came last; monotonic clock */
  gboolean silent;   /* the video has waited for too long since then */
  GstClockTime told; /* no question comes before; NONE: nothing is known */

  /* The video's side */
  gboolean video_flushing;
  gboolean ended;
  GstClockTime passed; /* it went by up to here */
  GstOwl2Job *newest;  /* (nullable) */
  guint n_lost, n_silences;
};

/* ---- lifetimes ---------------------------------------------------------- */

static void
question_free (gpointer data)
{
  Question *question = data;

  g_free (question->text);
  g_free (question);
}

/* With the lock held, as all that follow: something came, and whoever waits for
 * it is woken. */
static void
take_news (GstOwl2Questions *self)
{
  self->news_us = g_get_monotonic_time ();
  self->silent = FALSE;
  g_cond_broadcast (&self->cond);
}

static void
forget_stream (GstOwl2Questions *self)
{
  g_queue_clear_full (&self->items, question_free);
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  self->told = GST_CLOCK_TIME_NONE;
  self->eos = self->untimed = FALSE;
  self->check_live = TRUE;
  take_news (self);
}

GstOwl2Questions *
gst_owl2_questions_new (void)
{
  GstOwl2Questions *self = g_new0 (GstOwl2Questions, 1);

  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  g_queue_init (&self->items);
  forget_stream (self);
  return self;
}

GstOwl2Questions *
gst_owl2_questions_ref (GstOwl2Questions *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
gst_owl2_questions_unref (GstOwl2Questions *self)
{
  if (!self || !g_atomic_ref_count_dec (&self->refs))
    return;
  g_queue_clear_full (&self->items, question_free);
  gst_owl2_job_free (self->newest);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- from the pad ------------------------------------------------------- */

gboolean
gst_owl2_questions_set_pad (GstOwl2Questions *self, GstPad *pad)
{
  gboolean ok;

  g_mutex_lock (&self->lock);
  ok = !pad || !self->pad;
  if (ok)
    self->pad = pad;
  self->linked = self->linked && pad;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return ok;
}

void
gst_owl2_questions_set_active (GstOwl2Questions *self, gboolean active)
{
  g_mutex_lock (&self->lock);
  self->active = active;
  self->flushing = FALSE;
  forget_stream (self);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_owl2_questions_set_linked (GstOwl2Questions *self, gboolean linked)
{
  g_mutex_lock (&self->lock);
  self->linked = linked;
  self->eos = FALSE;
  self->untimed = FALSE;
  self->told = GST_CLOCK_TIME_NONE;
  self->check_live = TRUE;
  take_news (self);
  g_mutex_unlock (&self->lock);
}

/* Nothing comes before @position of the segment any more. */
static void
tell (GstOwl2Questions *self, GstClockTime position)
{
  GstClockTime time;

  if (GST_CLOCK_TIME_IS_VALID (self->segment.stop))
    position = MIN (position, self->segment.stop);
  time = gst_segment_to_running_time (
      &self->segment, GST_FORMAT_TIME, MAX (position, self->segment.start));
  if (!GST_CLOCK_TIME_IS_VALID (time))
    return;
  self->told =
      GST_CLOCK_TIME_IS_VALID (self->told) ? MAX (self->told, time) : time;
}

static void
take_segment (GstOwl2Questions *self, GstEvent *event)
{
  gst_event_copy_segment (event, &self->segment);
  self->eos = FALSE;
  self->check_live = TRUE;
  self->untimed = self->segment.format != GST_FORMAT_TIME;
  if (!self->untimed)
    tell (self, self->segment.start);
}

static GstClockTime
later (GstClockTime pts, GstClockTime duration)
{
  const GstClockTime most = G_MAXINT64;

  return pts > most - MIN (duration, most) ? most : pts + duration;
}

static void
take_gap (GstOwl2Questions *self, GstEvent *event)
{
  GstClockTime pts, duration;

  gst_event_parse_gap (event, &pts, &duration);
  if (self->segment.format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (pts))
    return;
  self->untimed = FALSE;
  if (GST_CLOCK_TIME_IS_VALID (duration))
    pts = later (pts, duration);
  tell (self, pts);
}

void
gst_owl2_questions_event (GstOwl2Questions *self, GstEvent *event)
{
  g_mutex_lock (&self->lock);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_FLUSH_START:
      self->flushing = TRUE;
      forget_stream (self);
      break;
    case GST_EVENT_FLUSH_STOP:
      self->flushing = FALSE;
      forget_stream (self);
      break;
    case GST_EVENT_STREAM_START:
      self->eos = FALSE;
      self->check_live = TRUE;
      break;
    case GST_EVENT_SEGMENT:
      take_segment (self, event);
      break;
    case GST_EVENT_GAP:
      take_gap (self, event);
      break;
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_EOS:
      self->eos = TRUE;
      break;
    default:
      break;
  }
  take_news (self);
  g_mutex_unlock (&self->lock);
}

void
gst_owl2_questions_set_seeking (GstOwl2Questions *self, gboolean seeking)
{
  g_mutex_lock (&self->lock);
  self->seeking = seeking;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

gboolean
gst_owl2_questions_are_at (GstOwl2Questions *self, GstClockTime start)
{
  gboolean ok;

  g_mutex_lock (&self->lock);
  ok = self->segment.format != GST_FORMAT_TIME || self->segment.rate < 0
       || self->segment.time == start;
  g_mutex_unlock (&self->lock);
  return ok;
}

static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Question *first = a, *second = b;

  /* Those of one time stay in order. */
  return first->time <= second->time ? -1 : 1;
}

/* Its place is free again. */
static void
give_back (gpointer data)
{
  GstOwl2Questions *self = data;

  g_mutex_lock (&self->lock);
  self->n_lent--;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  gst_owl2_questions_unref (self);
}

void
gst_owl2_questions_lend (GstOwl2Questions *self, GstOwl2Job *job, char *text)
{
  job->source = GST_OWL2_SOURCE_PAD;
  job->question = text;
  job->on_free = give_back;
  job->on_free_data = gst_owl2_questions_ref (self);
}

/* FALSE if nobody is going to ask at @pts. */
static gboolean
place (GstOwl2Questions *self, GstClockTime pts, Question *question)
{
  const GstSegment *segment = &self->segment;

  if (segment->format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (pts)) {
    self->untimed = TRUE;
    return TRUE;
  }
  self->untimed = FALSE;
  tell (self, pts);
  question->timed =
      gst_segment_clip (segment, GST_FORMAT_TIME, pts, pts, NULL, NULL);
  if (question->timed)
    question->time =
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts);
  return question->timed;
}

/* (transfer full) (nullable): asks now, or puts it where it waits. */
static GstOwl2Job *
take_question (
    GstOwl2Questions *self, const Question *question, GstOwl2Settings *settings)
{
  const gboolean passed = !question->timed || question->time < self->passed;
  GstOwl2Job *job = NULL;

  if (passed && self->newest) {
    self->n_lent++;
    job = gst_owl2_job_copy (self->newest, settings);
  } else if (self->ended) {
    self->n_lost++;
  } else {
    Question *item = g_memdup2 (question, sizeof (*question));

    item->text = g_strdup (question->text);
    g_queue_insert_sorted (&self->items, item, compare, NULL);
  }
  return job;
}

GstFlowReturn
gst_owl2_questions_push (GstOwl2Questions *self, const char *text,
    GstClockTime pts, GstOwl2Settings *settings, GstOwl2Job **now)
{
  Question question = { (char *) text, 0, FALSE };
  gboolean wanted;

  *now = NULL;
  g_mutex_lock (&self->lock);
  wanted = place (self, pts, &question);
  if (text && !wanted)
    GST_DEBUG ("a question at %" GST_TIME_FORMAT " lies outside of its segment",
        GST_TIME_ARGS (pts));
  wanted = wanted && text;
  /* First, as the video may wait to hear of it. */
  take_news (self);
  while (wanted && self->active && !self->flushing
         && self->items.length + self->n_lent >= GST_OWL2_MAX_ASKED) {
    self->full = TRUE;
    g_cond_wait (&self->cond, &self->lock);
  }
  self->full = FALSE;
  if (!self->active || self->flushing) {
    g_mutex_unlock (&self->lock);
    return GST_FLOW_FLUSHING;
  }
  if (wanted)
    *now = take_question (self, &question, settings);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  if (*now)
    gst_owl2_questions_lend (self, *now, g_strdup (text));
  return GST_FLOW_OK;
}

/* ---- from the video ----------------------------------------------------- */

void
gst_owl2_questions_set_video_flushing (
    GstOwl2Questions *self, gboolean flushing)
{
  GstOwl2Job *old;

  g_mutex_lock (&self->lock);
  self->video_flushing = flushing;
  old = g_steal_pointer (&self->newest);
  if (!flushing) {
    self->ended = FALSE;
    self->passed = 0;
    self->n_lost = self->n_silences = 0;
  }
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  gst_owl2_job_free (old);
}

gboolean
gst_owl2_questions_are_wanted (GstOwl2Questions *self)
{
  gboolean wanted;

  g_mutex_lock (&self->lock);
  wanted = self->active
           && ((self->linked && (!self->eos || self->seeking))
               || self->items.length);
  g_mutex_unlock (&self->lock);
  return wanted;
}

void
gst_owl2_questions_set_newest (GstOwl2Questions *self, GstOwl2Job *job)
{
  GstOwl2Job *old;

  g_mutex_lock (&self->lock);
  old = self->newest;
  self->newest = job;
  g_mutex_unlock (&self->lock);
  gst_owl2_job_free (old);
}

/* Without the lock. */
static void
ask_upstream (GstOwl2Questions *self)
{
  g_autoptr (GstPad) pad = NULL;
  gboolean live;

  g_mutex_lock (&self->lock);
  self->check_live = FALSE;
  pad = self->pad ? gst_object_ref (self->pad) : NULL;
  g_mutex_unlock (&self->lock);
  live = pad && gst_owl2_peer_is_live (pad);
  g_mutex_lock (&self->lock);
  self->live = live;
  g_mutex_unlock (&self->lock);
}

/* Whether a question before @end may still come in time. */
static gboolean
may_come (const GstOwl2Questions *self, GstClockTime end)
{
  if (!self->active || !self->linked)
    return FALSE;
  if (self->seeking)
    return TRUE;
  if (self->eos || self->untimed || self->silent || self->segment.rate < 0)
    return FALSE;
  return !GST_CLOCK_TIME_IS_VALID (self->told) || self->told < end;
}

/* Waits for news. What waits for answers is not silent. */
static void
wait_for_news (GstOwl2Questions *self, gint64 begin)
{
  const gint64 end = MAX (begin, self->news_us) + PATIENCE_US;

  if (self->full) {
    g_cond_wait (&self->cond, &self->lock);
    self->news_us = g_get_monotonic_time ();
  } else if (!g_cond_wait_until (&self->cond, &self->lock, end)
             && self->news_us + PATIENCE_US <= end) {
    self->silent = TRUE;
    self->seeking = FALSE;
    self->n_silences++;
  }
}

/* Waits until all questions before @end are known, or one of them is there.
 * Returns: that one, or NULL */
static const Question *
wait_for (GstOwl2Questions *self, GstClockTime end, gboolean wait)
{
  const gint64 begin = g_get_monotonic_time ();
  const Question *question;

  while (!self->video_flushing) {
    question = g_queue_peek_head (&self->items);
    if (question && question->time < end && !self->seeking)
      return question;
    if (!wait || !may_come (self, end))
      return NULL;
    if (self->check_live) {
      g_mutex_unlock (&self->lock);
      ask_upstream (self);
      g_mutex_lock (&self->lock);
    } else if (self->live) {
      return NULL;
    } else {
      wait_for_news (self, begin);
    }
  }
  return NULL;
}

char *
gst_owl2_questions_next (
    GstOwl2Questions *self, GstClockTime end, gboolean wait, GstClockTime *time)
{
  Question *question;
  char *text = NULL;

  g_mutex_lock (&self->lock);
  if (wait_for (self, end, wait)) {
    question = g_queue_pop_head (&self->items);
    self->n_lent++;
    *time = question->timed ? question->time : GST_CLOCK_TIME_NONE;
    text = g_steal_pointer (&question->text);
    question_free (question);
  } else {
    self->passed = MAX (self->passed, end);
  }
  g_mutex_unlock (&self->lock);
  return text;
}

void
gst_owl2_questions_put_back (GstOwl2Questions *self, char *text)
{
  Question *question = g_new0 (Question, 1);

  question->text = text;
  g_mutex_lock (&self->lock);
  g_queue_push_head (&self->items, question);
  self->n_lent--;
  g_mutex_unlock (&self->lock);
}

void
gst_owl2_questions_set_ended (GstOwl2Questions *self, gboolean ended)
{
  g_mutex_lock (&self->lock);
  self->ended = ended;
  if (ended) {
    self->n_lost += self->items.length;
    g_queue_clear_full (&self->items, question_free);
  }
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

guint
gst_owl2_questions_take_lost (GstOwl2Questions *self, gboolean wait)
{
  guint n;

  g_mutex_lock (&self->lock);
  /* Who had to wait with his questions has more. */
  if (self->n_lost || self->full || self->n_lent >= GST_OWL2_MAX_ASKED / 2)
    wait_for (self, G_MAXUINT64 - 1, wait);
  n = self->n_lost;
  self->n_lost = 0;
  g_mutex_unlock (&self->lock);
  return n;
}

guint
gst_owl2_questions_take_silences (GstOwl2Questions *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->n_silences;
  self->n_silences = 0;
  g_mutex_unlock (&self->lock);
  return n;
}

/* ---- running time -------------------------------------------------------- */

void
gst_owl2_questions_place (const GstSegment *segment, GstClockTime pts,
    GstClockTime duration, GstClockTime *from, GstClockTime *to)
{
  guint64 begin = pts, end = pts;

  if (GST_CLOCK_TIME_IS_VALID (duration))
    end = later (pts, duration);
  if (segment->format == GST_FORMAT_TIME
      && gst_segment_clip (
          segment, GST_FORMAT_TIME, begin, end, &begin, &end)) {
    begin = gst_segment_to_running_time (segment, GST_FORMAT_TIME, begin);
    end = gst_segment_to_running_time (segment, GST_FORMAT_TIME, end);
  }
  *from = MIN (begin, end);
  *to = MAX (MAX (begin, end), *from + 1);
}

GstClockTime
gst_owl2_questions_stream_time (const GstSegment *segment, GstClockTime running)
{
  guint64 position;

  if (segment->format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (running))
    return GST_CLOCK_TIME_NONE;
  position = gst_segment_position_from_running_time (
      segment, GST_FORMAT_TIME, running);
  return gst_segment_to_stream_time (segment, GST_FORMAT_TIME, position);
}
