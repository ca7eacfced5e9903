/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2text.h"
#include "gstowl2textqueue.h"
#include "printable.h"

#include <string.h>

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* A text whose end came before the next answer goes on in pieces of this. */
#define SLICE_NS (500 * GST_MSECOND)
/* Of scenes, too. */
#define MIN_SLICE_NS (50 * GST_MSECOND)
/* What no answer is ahead of its time by. */
#define MAX_SLACK_NS (500 * GST_MSECOND)
#define MIN_TEXT_NS GST_MSECOND

static GstStaticPadTemplate text_template = GST_STATIC_PAD_TEMPLATE ("text_src",
    GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS (GST_OWL2_TEXT_CAPS));

struct _GstOwl2Text {
  GstElement *element; /* borrowed */

  GMutex lock;      /* of all below */
  GCond cond;       /* the task has something to do, or to stop */
  GstPad *pad;      /* (nullable): owned by the element */
  gboolean active;  /* the pad is */
  gboolean running; /* and not in a flush */
  GThread *pushing; /* (nullable): the task's, while it is downstream */
  GstOwl2TextQueue queue;

  char *stream_id; /* (nullable): of the video's */
  guint group_id;
  gboolean have_group;
  GstSegment segment;
  gboolean have_segment; /* one that texts can be placed in */
  guint32 segment_seqnum;

  GstClockTime video_end; /* the video that left ends here, or NONE */
  GstClockTime gap_end;   /* GAPs were sent up to here */
  GstClockTime text_end;  /* and texts up to here */
  GBytes *current;        /* (nullable): the text that stands */
  GstClockTime current_start;
  gboolean unsent;                  /* it waits for its end to be known */
  GstClockTime arrived, spacing[2]; /* of the answers, in the video's time */
};

GstOwl2TextHow
gst_owl2_text_how (
    const GstOwl2Settings *settings, gboolean live, gboolean waits)
{
  GstOwl2TextHow how = { settings->text_time, FALSE, 0, SLICE_NS, FALSE };

  if (how.time == GST_OWL2_TEXT_TIME_AUTO)
    how.time = live ? GST_OWL2_TEXT_TIME_ARRIVAL : GST_OWL2_TEXT_TIME_CLIP_END;
  else
    how.late = how.time != GST_OWL2_TEXT_TIME_ARRIVAL
               && (!waits || settings->trigger == GST_OWL2_TRIGGER_SCENE);
  if (settings->trigger == GST_OWL2_TRIGGER_INTERVAL)
    how.grid = settings->interval;
  if (settings->trigger == GST_OWL2_TRIGGER_SCENE
      && how.time != GST_OWL2_TEXT_TIME_ARRIVAL) {
    how.scene = TRUE;
    how.grid = settings->min_interval;
    how.slice = MAX (gst_owl2_settings_scene_step (settings), MIN_SLICE_NS);
  }
  return how;
}

/* ---- the queue ---------------------------------------------------------- */

/* All that follow are called with the lock held. */

/* @event: (transfer full) */
static void
queue_event (GstOwl2Text *self, GstEvent *event)
{
  if (!self->running) {
    gst_event_unref (event);
    return;
  }
  gst_owl2_text_queue_event (&self->queue, event);
  g_cond_signal (&self->cond);
}

static void
queue_gap (GstOwl2Text *self, GstClockTime start, GstClockTime end)
{
  if (!self->running)
    return;
  gst_owl2_text_queue_gap (&self->queue, start, end);
  g_cond_signal (&self->cond);
}

static void
queue_text (
    GstOwl2Text *self, GBytes *text, GstClockTime start, GstClockTime end)
{
  GST_LOG_OBJECT (self->element,
      "text of %" GST_TIME_FORMAT " - %" GST_TIME_FORMAT, GST_TIME_ARGS (start),
      GST_TIME_ARGS (end));
  if (gst_owl2_text_queue_text (&self->queue, text, start, end))
    GST_WARNING_OBJECT (self->element, "nobody takes texts: one is dropped");
  g_cond_signal (&self->cond);
}

/* The pad's first events, as far as they are known. */
static void
queue_stream_start (GstOwl2Text *self)
{
  g_autofree char *id = g_strconcat (self->stream_id, "/text", NULL);
  g_autoptr (GstCaps) caps = gst_caps_from_string (GST_OWL2_TEXT_CAPS);
  GstEvent *event = gst_event_new_stream_start (id);

  gst_event_set_stream_flags (event, GST_STREAM_FLAG_SPARSE);
  if (self->have_group)
    gst_event_set_group_id (event, self->group_id);
  queue_event (self, event);
  queue_event (self, gst_event_new_caps (caps));
}

static void
queue_segment (GstOwl2Text *self)
{
  GstEvent *event = gst_event_new_segment (&self->segment);

  gst_event_set_seqnum (event, self->segment_seqnum);
  queue_event (self, event);
  /* Nobody shows a text backwards, nor may anybody wait for one. */
  if (!self->have_segment) {
    event = gst_event_new_eos ();
    gst_event_set_seqnum (event, self->segment_seqnum);
    queue_event (self, event);
  }
}

/* ---- texts and times ---------------------------------------------------- */

static void
forget (GstOwl2Text *self)
{
  g_clear_pointer (&self->current, g_bytes_unref);
  self->unsent = FALSE;
  self->video_end = self->arrived = GST_CLOCK_TIME_NONE;
  self->gap_end = self->text_end = 0;
  self->spacing[0] = self->spacing[1] = 0;
  self->queue.last_text = NULL;
}

/* Where the time that nothing was said of begins. */
static GstClockTime
time_start (const GstOwl2Text *self)
{
  return MAX (self->gap_end, self->segment.start);
}

static void
cover (GstOwl2Text *self, GstClockTime end)
{
  if (end <= time_start (self))
    return;
  queue_gap (self, time_start (self), end);
  self->gap_end = end;
}

static void
queue_final (GstOwl2Text *self)
{
  queue_event (
      self, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                gst_structure_new_empty ("rstranscribe/final-transcript")));
}

/* The text that waited for it ends at @end, or a moment after its start. */
static void
send_unsent (GstOwl2Text *self, GstClockTime end)
{
  if (!self->unsent)
    return;
  self->unsent = FALSE;
  end = MAX (end, self->current_start + MIN_TEXT_NS);
  cover (self, self->current_start);
  queue_text (self, self->current, self->current_start, end);
  self->text_end = end;
  queue_final (self);
}

/* The same where the stream or its segment ends. */
static void
end_unsent (GstOwl2Text *self)
{
  if (self->have_segment)
    send_unsent (
        self, GST_CLOCK_TIME_IS_VALID (self->video_end) ? self->video_end : 0);
}

/* (transfer full) (nullable): lines that are no danger to subtitle files, where
 * an empty line ends a text. */
static GBytes *
clean_text (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_auto (GStrv) lines = g_strsplit_set (valid, "\r\n", -1);
  GString *s = g_string_new (NULL);

  for (guint i = 0; lines[i]; i++) {
    g_autofree char *line = owl2_printable_cue (g_strchomp (lines[i]));

    if (*line)
      g_string_append_printf (s, "%s%s", s->len ? "\n" : "", line);
  }
  if (s->len)
    return g_string_free_to_bytes (s);
  g_string_free (s, TRUE);
  return NULL;
}

static GstClockTime
from_stream_time (const GstOwl2Text *self, GstClockTime time)
{
  guint64 position = 0;

  if (gst_segment_position_from_stream_time_full (
          &self->segment, GST_FORMAT_TIME, time, &position)
      > 0)
    return position;
  return 0;
}

/* Of a clip's frames that which is played last; its own source may play
 * backwards. */
static GstClockTime
last_position (const GstOwl2Text *self, const GstOwl2Answer *answer)
{
  return MAX (from_stream_time (self, answer->times[0]),
      from_stream_time (self, answer->times[answer->n_times - 1]));
}

/* On the grid, the frame of the next answer is on screen at this time. */
static GstClockTime
grid_end (const GstOwl2Text *self, const GstOwl2TextHow *how,
    const GstOwl2Answer *answer)
{
  GstClockTime time = answer->start;

  if (how->time == GST_OWL2_TEXT_TIME_CLIP_END && answer->n_times)
    time +=
        (answer->end - answer->start) / answer->n_times * (answer->n_times - 1);
  return from_stream_time (self, time + how->grid);
}

/* What separates answers, as far as the last two say, is not shorter than the
 * grid; one that was late once says nothing. */
static GstClockTime
arrival_length (GstOwl2Text *self, const GstOwl2TextHow *how, GstClockTime now)
{
  GstClockTime length = MAX (how->grid, SLICE_NS);

  if (GST_CLOCK_TIME_IS_VALID (self->arrived) && now > self->arrived) {
    self->spacing[1] = self->spacing[0];
    self->spacing[0] = now - self->arrived;
  }
  self->arrived = now;
  length = MAX (length, MIN (self->spacing[0], self->spacing[1]));
  return length + MIN (length / 4, MAX_SLACK_NS);
}

void
gst_owl2_text_answer (
    GstOwl2Text *self, const GstOwl2TextHow *how, const GstOwl2Answer *answer)
{
  g_autoptr (GBytes) text = clean_text (answer->text);
  GstClockTime start, end, now;

  g_mutex_lock (&self->lock);
  if (!self->running || !self->have_segment) {
    g_mutex_unlock (&self->lock);
    return;
  }
  now = GST_CLOCK_TIME_IS_VALID (self->video_end) ? self->video_end
                                                  : self->segment.start;
  if (how->time == GST_OWL2_TEXT_TIME_ARRIVAL) {
    start = now;
    end = now + arrival_length (self, how, now);
  } else {
    start = how->time == GST_OWL2_TEXT_TIME_CLIP_START || !answer->n_times
                ? from_stream_time (self, answer->start)
                : last_position (self, answer);
    end = start + SLICE_NS;
    if (how->grid)
      end = self->segment.applied_rate < 0 ? start + how->grid
                                           : grid_end (self, how, answer);
    /* What is on screen then may have begun before, when another text stood. */
    if (how->scene && how->time == GST_OWL2_TEXT_TIME_CLIP_END)
      start = from_stream_time (self, answer->end);
    if (how->scene)
      end = from_stream_time (self, answer->end + how->grid);
    if (!how->grid && how->time == GST_OWL2_TEXT_TIME_CLIP_START)
      end = MAX (from_stream_time (self, answer->end), end);
  }
  /* What comes after its time lasts as long. */
  if (start < time_start (self)) {
    end += time_start (self) - start;
    start = time_start (self);
  }
  send_unsent (self, start);
  /* One that has not left yet ends where this one begins. */
  if (self->queue.last_text && self->queue.last_text->end > start
      && self->queue.last_text->start < start) {
    self->queue.last_text->end = start;
    self->text_end = start;
  }
  start = MAX (start, self->text_end);
  end = MAX (end,
      start
          + (how->time == GST_OWL2_TEXT_TIME_ARRIVAL ? SLICE_NS : MIN_TEXT_NS));

  g_clear_pointer (&self->current, g_bytes_unref);
  self->current = g_steal_pointer (&text);
  self->current_start = start;
  if (!self->current) {
    queue_final (self);
  } else if (how->late) {
    self->unsent = TRUE;
  } else {
    cover (self, start);
    queue_text (self, self->current, start, end);
    self->text_end = end;
    queue_final (self);
  }
  g_mutex_unlock (&self->lock);
}

/* The text that stands lasts longer than was known, for the video from @start
 * on. Of scenes it is known by then that there is no other up to @end, and they
 * change where whole pieces end. */
static void
go_on (GstOwl2Text *self, const GstOwl2TextHow *how, GstClockTime start,
    GstClockTime end)
{
  const GstClockTime before = self->text_end;

  if (!self->current || before >= (how->scene ? end : start + 1))
    return;
  if (how->scene) {
    start = MAX (before, time_start (self));
    self->text_end += ((end - before - 1) / how->slice + 1) * how->slice;
  } else {
    self->text_end = start + how->slice;
  }
  if (self->queue.last_text) {
    self->queue.last_text->end = self->text_end;
  } else {
    cover (self, start);
    queue_text (self, self->current, start, self->text_end);
  }
}

void
gst_owl2_text_advance (GstOwl2Text *self, const GstOwl2TextHow *how,
    GstClockTime pts, GstClockTime duration)
{
  GstClockTime end;

  if (!GST_CLOCK_TIME_IS_VALID (pts))
    return;
  /* Who has no duration needs to be let through all the same. */
  end = pts + (GST_CLOCK_TIME_IS_VALID (duration) ? MAX (duration, 1) : 1);
  g_mutex_lock (&self->lock);
  if (self->have_segment && self->running) {
    /* A sink that has seen nothing yet keeps a pipeline from playing, and a
     * GAP of no length takes no time from the text. */
    if (how->late && !GST_CLOCK_TIME_IS_VALID (self->video_end))
      queue_gap (self, time_start (self), time_start (self));
    self->video_end = GST_CLOCK_TIME_IS_VALID (self->video_end)
                          ? MAX (self->video_end, end)
                          : end;
    if (!how->late) {
      send_unsent (self, pts);
      go_on (self, how, pts, end);
      cover (self, end);
    }
  }
  g_mutex_unlock (&self->lock);
}

/* ---- events ------------------------------------------------------------- */

static void
set_segment (GstOwl2Text *self, GstEvent *event)
{
  const GstSegment *segment;

  gst_event_parse_segment (event, &segment);
  end_unsent (self);
  forget (self);
  self->have_segment = segment->format == GST_FORMAT_TIME && segment->rate > 0;
  gst_segment_copy_into (segment, &self->segment);
  if (segment->format != GST_FORMAT_TIME)
    gst_segment_init (&self->segment, GST_FORMAT_TIME);
  self->segment_seqnum = gst_event_get_seqnum (event);
  queue_segment (self);
}

static void text_loop (gpointer user_data);

static void
flush_start (GstOwl2Text *self, GstEvent *event)
{
  g_autoptr (GstPad) pad = NULL;

  g_mutex_lock (&self->lock);
  pad = self->pad ? gst_object_ref (self->pad) : NULL;
  self->running = FALSE;
  gst_owl2_text_queue_clear (&self->queue);
  forget (self);
  self->have_segment = FALSE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->lock);
  if (!pad)
    return;
  gst_pad_push_event (pad, gst_event_ref (event));
  gst_pad_pause_task (pad);
}

static void
flush_stop (GstOwl2Text *self, GstEvent *event)
{
  g_autoptr (GstPad) pad = NULL;

  g_mutex_lock (&self->lock);
  pad = self->pad ? gst_object_ref (self->pad) : NULL;
  g_mutex_unlock (&self->lock);
  if (!pad)
    return;
  gst_pad_push_event (pad, gst_event_ref (event));
  /* Under the lock, so that a pad that is no longer active gets no task. */
  g_mutex_lock (&self->lock);
  if (self->active && self->pad == pad) {
    self->running = TRUE;
    gst_pad_start_task (pad, text_loop, self, NULL);
  }
  g_mutex_unlock (&self->lock);
}

void
gst_owl2_text_event (GstOwl2Text *self, GstEvent *event)
{
  const char *id;

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START) {
    flush_start (self, event);
    return;
  }
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP) {
    flush_stop (self, event);
    return;
  }

  g_mutex_lock (&self->lock);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_STREAM_START:
      gst_event_parse_stream_start (event, &id);
      g_free (self->stream_id);
      self->stream_id = g_strdup (id);
      self->have_group = gst_event_parse_group_id (event, &self->group_id);
      queue_stream_start (self);
      break;
    case GST_EVENT_SEGMENT:
      set_segment (self, event);
      break;
    case GST_EVENT_EOS:
    case GST_EVENT_SEGMENT_DONE:
      end_unsent (self);
      queue_event (self, gst_event_ref (event));
      break;
    default:
      break;
  }
  g_mutex_unlock (&self->lock);
}

/* ---- the task ----------------------------------------------------------- */

static void
text_loop (gpointer user_data)
{
  GstOwl2Text *self = user_data;
  g_autoptr (GstPad) pad = NULL;
  GstFlowReturn ret;
  GstOwl2TextItem *item;

  g_mutex_lock (&self->lock);
  while (self->running && !self->queue.items.length)
    g_cond_wait (&self->cond, &self->lock);
  pad = self->pad ? gst_object_ref (self->pad) : NULL;
  if (!self->running || !pad) {
    g_mutex_unlock (&self->lock);
    if (pad)
      gst_pad_pause_task (pad);
    return;
  }
  item = gst_owl2_text_queue_pop (&self->queue);
  self->pushing = g_thread_self ();
  g_mutex_unlock (&self->lock);

  ret = gst_owl2_text_item_push (item, pad);
  g_mutex_lock (&self->lock);
  /* Who stopped it there may have started another. */
  if (self->pushing == g_thread_self ())
    self->pushing = NULL;
  if (ret != GST_FLOW_OK)
    self->queue.discont = TRUE;
  g_mutex_unlock (&self->lock);
  /* Who left, or has enough, is nobody's business; a flush has ended what it
   * had to. */
  if (ret < GST_FLOW_EOS)
    GST_ELEMENT_FLOW_ERROR (self->element, ret);
}

static void
join_later (GstElement *element, gpointer task)
{
  gst_task_join (task);
  gst_object_unref (task);
}

/* In a probe or a function downstream, on the task's own thread, which can't
 * wait for itself: it ends when it comes back, and what it uses stays until
 * then. */
static void
text_leave_task (GstOwl2Text *self, GstPad *pad)
{
  GstTask *task;

  GST_OBJECT_LOCK (pad);
  task = g_steal_pointer (&GST_PAD_TASK (pad));
  GST_OBJECT_UNLOCK (pad);
  if (!task)
    return;
  gst_task_stop (task);
  g_object_set_data_full (
      G_OBJECT (task), "pad", gst_object_ref (pad), gst_object_unref);
  gst_element_call_async (self->element, join_later, task, NULL);
}

static gboolean
text_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstOwl2Text *self = gst_pad_get_element_private (pad);
  gboolean own;

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  g_mutex_lock (&self->lock);
  gst_owl2_text_queue_clear (&self->queue);
  forget (self);
  self->active = self->running = active;
  if (active && self->stream_id)
    queue_stream_start (self);
  if (active && self->stream_id && self->segment_seqnum)
    queue_segment (self);
  if (!active)
    g_cond_signal (&self->cond);
  own = !active && self->pushing == g_thread_self ();
  if (own)
    self->pushing = NULL;
  g_mutex_unlock (&self->lock);
  if (active)
    return gst_pad_start_task (pad, text_loop, self, NULL);
  if (!own)
    return gst_pad_stop_task (pad);
  text_leave_task (self, pad);
  return TRUE;
}

/* ---- object ------------------------------------------------------------- */

GstPad *
gst_owl2_text_request (GstOwl2Text *self, GstPadTemplate *templ)
{
  GstPad *pad = gst_pad_new_from_template (templ, "text_src");

  gst_pad_set_element_private (pad, self);
  gst_pad_set_activatemode_function (pad, text_activate_mode);
  gst_pad_use_fixed_caps (pad);

  g_mutex_lock (&self->lock);
  if (self->pad) {
    g_mutex_unlock (&self->lock);
    gst_object_unref (gst_object_ref_sink (pad));
    return NULL;
  }
  self->pad = pad;
  g_mutex_unlock (&self->lock);
  return pad;
}

void
gst_owl2_text_release (GstOwl2Text *self, GstPad *pad)
{
  g_mutex_lock (&self->lock);
  if (pad != self->pad) {
    g_mutex_unlock (&self->lock);
    return;
  }
  gst_object_ref (pad);
  self->active = self->running = FALSE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->lock);
  /* The task may be held up downstream. */
  gst_pad_push_event (pad, gst_event_new_flush_start ());
  gst_pad_set_active (pad, FALSE);
  g_mutex_lock (&self->lock);
  self->pad = NULL;
  g_mutex_unlock (&self->lock);
  gst_element_remove_pad (self->element, pad);
  gst_object_unref (pad);
}

void
gst_owl2_text_reset (GstOwl2Text *self)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->stream_id, g_free);
  self->have_group = self->have_segment = FALSE;
  self->segment_seqnum = 0;
  gst_owl2_text_queue_clear (&self->queue);
  forget (self);
  g_mutex_unlock (&self->lock);
}

gboolean
gst_owl2_text_is_wanted (GstOwl2Text *self)
{
  gboolean wanted;

  g_mutex_lock (&self->lock);
  wanted = self->running;
  g_mutex_unlock (&self->lock);
  return wanted;
}

GstOwl2Text *
gst_owl2_text_new (GstElement *element)
{
  GstOwl2Text *self = g_new0 (GstOwl2Text, 1);

  self->element = element;
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  gst_segment_init (&self->segment, GST_FORMAT_TIME);
  forget (self);
  return self;
}

void
gst_owl2_text_free (GstOwl2Text *self)
{
  if (!self)
    return;
  gst_owl2_text_queue_clear (&self->queue);
  forget (self);
  g_free (self->stream_id);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_owl2_text_class_init (GstElementClass *klass)
{
  gst_element_class_add_static_pad_template (klass, &text_template);
}
