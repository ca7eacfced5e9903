/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2stream.h"
#include "gstowl2question.h"
#include "printable.h"
#include "clip.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* Warnings of one kind are at least this far apart. */
#define WARNING_GAP_NS (10 * GST_SECOND)

struct _GstOwl2Stream {
  GstElement *element;
  GstPad *sinkpad;
  GstOwl2Worker *worker;
  GstOwl2Stats *stats;
  Owl2Clipper *clipper;

  GstSegment segment;
  GstVideoInfo info;
  gboolean have_info;
  GstOwl2Orientation orientation;
  GstClockTime frame_duration; /* from the caps, or NONE */
  GstClockTime next_pts;       /* where a buffer without pts belongs */
  int direction;               /* of stream time in playback: 1, -1; 0: any */
  guint n_eos_frames;          /* of this segment, with trigger=eos */

  gboolean check_live;
  /* Written by the streaming thread; others read them atomically. */
  gboolean upstream_live;
  gboolean wait; /* what `when-busy` means just now */
  gboolean may_drop;
  gboolean submitted; /* a clip, since the last wait */

  const GstOwl2Picture *picture; /* the one being looked at */
  gboolean lazy;
  GstOwl2Frame *taken; /* its copy, once it is needed */
  gboolean unreadable; /* it can't be copied */
  GstOwl2WarningLimit drop_limit, read_limit;

  /* Warned about when nothing of the above is in use any more: who gets the
   * warning may stop the element at once. */
  guint n_dropped, n_unreadable;
  GError *read_error; /* the first one */
  guint n_resets;

  GstOwl2Recent recent; /* with trigger=question */
};

/* ---- warnings ---------------------------------------------------------- */

guint
gst_owl2_warning_limit_count (GstOwl2WarningLimit *limit, guint n)
{
  guint64 now = (guint64) g_get_monotonic_time () * 1000;

  limit->n_held += n;
  if (limit->n_held == 0
      || (limit->any && now - limit->last_ns < WARNING_GAP_NS))
    return 0;
  n = limit->n_held;
  limit->any = TRUE;
  limit->last_ns = now;
  limit->n_held = 0;
  return n;
}

static void
stream_count_dropped (GstOwl2Stream *self, guint n)
{
  if (n) {
    g_mutex_lock (&self->stats->lock);
    self->stats->counts.clips_dropped += n;
    g_mutex_unlock (&self->stats->lock);
  }
  self->n_dropped += n;
}

static void
stream_warn (GstOwl2Stream *self)
{
  g_autoptr (GError) error = g_steal_pointer (&self->read_error);
  g_autofree char *shown =
      owl2_printable_message (error ? error->message : NULL);
  guint n_dropped =
      gst_owl2_warning_limit_count (&self->drop_limit, self->n_dropped);
  guint n_unreadable =
      gst_owl2_warning_limit_count (&self->read_limit, self->n_unreadable);

  self->n_dropped = self->n_unreadable = 0;
  if (n_dropped)
    GST_ELEMENT_WARNING (self->element, RESOURCE, BUSY,
        ("%u clips were skipped, the model is slower than the stream",
            n_dropped),
        ("a longer interval, fewer frames or fewer tokens need less time,"
         " and with when-busy=wait the stream waits"));
  if (n_unreadable && error)
    GST_ELEMENT_WARNING (self->element, RESOURCE, READ,
        ("A frame can't be looked at: %s", shown),
        ("%u frames since the last warning", n_unreadable));
}

/* ---- clips ------------------------------------------------------------- */

static gpointer
stream_take (gpointer user_data)
{
  GstOwl2Stream *self = user_data;
  g_autoptr (GError) error = NULL;

  if (self->taken)
    return gst_owl2_frame_ref (self->taken);
  if (self->unreadable)
    return NULL;

  self->taken = gst_owl2_worker_take (
      self->worker, self->picture, self->wait, self->lazy, &error);
  if (self->taken)
    return gst_owl2_frame_ref (self->taken);

  /* No room now may be room in a moment, when this frame fits another place. */
  self->unreadable = error != NULL;
  if (error) {
    self->n_unreadable++;
    if (!self->read_error)
      self->read_error = g_steal_pointer (&error);
  }
  return NULL;
}

static gpointer
stream_ref_taken (gpointer frame, gpointer user_data)
{
  return gst_owl2_frame_ref (frame);
}

static void
stream_hold_settings (gpointer settings, gpointer user_data)
{
  gst_owl2_settings_ref (settings);
}

static void
stream_let_settings_go (gpointer settings, gpointer user_data)
{
  gst_owl2_settings_unref (settings);
}

static void
stream_drop_taken (gpointer frame, gpointer user_data)
{
  gst_owl2_frame_unref (frame);
}

/* (transfer full): those that the clip was opened with; a picture is no clip,
 * whatever they say. */
static GstOwl2Settings *
job_settings (const Owl2Clip *clip)
{
  GstOwl2Settings *settings = clip->settings.data, *copy;

  if (clip->settings.n_frames == settings->n_frames)
    return gst_owl2_settings_ref (settings);
  copy = gst_owl2_settings_copy (settings);
  copy->n_frames = clip->settings.n_frames;
  return copy;
}

static void
stream_on_clip (Owl2Clip *clip, gpointer user_data)
{
  GstOwl2Stream *self = user_data;
  GstOwl2Job *job = g_new0 (GstOwl2Job, 1);
  gint64 start = clip->start, end = clip->end;

  if (self->direction < 0) {
    start = -clip->end;
    end = -clip->start;
  }
  job->start = (GstClockTime) MAX (start, 0);
  job->end = (GstClockTime) MAX (end, 0);
  job->settings = job_settings (clip);
  job->n_frames = clip->n_frames;
  for (guint i = 0; i < clip->n_frames; i++)
    job->frames[i] = clip->frames[i];
  clip->n_frames = 0;
  owl2_clipper_free_clip (self->clipper, clip);

  GST_DEBUG_OBJECT (self->element,
      "clip %" GST_TIME_FORMAT " - %" GST_TIME_FORMAT " of %u frames",
      GST_TIME_ARGS (job->start), GST_TIME_ARGS (job->end), job->n_frames);
  gst_owl2_worker_set_newest (
      self->worker, gst_owl2_job_copy (job, job->settings));
  stream_count_dropped (
      self, gst_owl2_worker_submit (self->worker, job, self->may_drop));
  self->submitted = TRUE;
}

/* Clips end here, whatever they have. */
static void
stream_cut (GstOwl2Stream *self, GstOwl2Settings *settings)
{
  const Owl2ClipSettings clips = gst_owl2_settings_clip (settings);

  owl2_clipper_cut (self->clipper, &clips);
}

/* ---- waiting ----------------------------------------------------------- */

/* Brings self->wait up to date. The latency query tells whether upstream is
 * live; that changes with the stream at most. */
static void
stream_update_wait (GstOwl2Stream *self, const GstOwl2Settings *settings)
{
  gboolean wait;

  if (self->check_live) {
    GstQuery *query = gst_query_new_latency ();
    gboolean live = FALSE;

    if (gst_pad_peer_query (self->sinkpad, query))
      gst_query_parse_latency (query, &live, NULL, NULL);
    gst_query_unref (query);
    GST_DEBUG_OBJECT (self->element, "upstream is %slive", live ? "" : "not ");
    g_atomic_int_set (&self->upstream_live, live);
    self->check_live = FALSE;
  }
  wait = settings->when_busy == GST_OWL2_WHEN_BUSY_WAIT
         || (settings->when_busy == GST_OWL2_WHEN_BUSY_AUTO
             && !self->upstream_live);
  g_atomic_int_set (&self->wait, wait);
  self->may_drop = !self->wait;
}

gboolean
gst_owl2_stream_is_live (GstOwl2Stream *self)
{
  return g_atomic_int_get (&self->upstream_live);
}

gboolean
gst_owl2_stream_waits (GstOwl2Stream *self)
{
  return g_atomic_int_get (&self->wait);
}

/* Lets the stream go on: at once, or when the clips that were completed are
 * answered. */
static GstFlowReturn
stream_settle (GstOwl2Stream *self, gboolean wait)
{
  const guint n_resets = self->n_resets;
  GstFlowReturn ret;

  stream_count_dropped (self, owl2_clipper_refused (self->clipper));
  stream_warn (self);
  /* What was started anew in there does not know of this buffer. */
  if (self->n_resets != n_resets)
    return GST_FLOW_FLUSHING;
  if (wait && self->submitted)
    ret = gst_owl2_worker_wait (self->worker);
  else
    ret = gst_owl2_worker_flow (self->worker);
  self->submitted = FALSE;
  return ret;
}

/* ---- time -------------------------------------------------------------- */

/* Where [pts, pts + duration) lies on the clipper's axis. FALSE if the segment
 * leaves nothing of it. @time: its stream time. */
static gboolean
stream_place (GstOwl2Stream *self, GstOwl2Settings *settings, GstClockTime pts,
    GstClockTime duration, gint64 *t, gint64 *length, GstClockTime *time)
{
  const GstSegment *segment = &self->segment;
  guint64 from = pts, to = pts;
  int direction = 1;

  if (GST_CLOCK_TIME_IS_VALID (duration))
    to = pts > G_MAXINT64 - duration ? G_MAXINT64 : pts + duration;

  if (segment->format == GST_FORMAT_TIME) {
    guint64 stream_from, stream_to;

    if (!gst_segment_clip (segment, GST_FORMAT_TIME, from, to, &from, &to))
      return FALSE;
    stream_from = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, from);
    stream_to = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, to);
    if (GST_CLOCK_TIME_IS_VALID (stream_from)
        && GST_CLOCK_TIME_IS_VALID (stream_to)) {
      from = MIN (stream_from, stream_to);
      to = MAX (stream_from, stream_to);
    }
    if ((segment->rate < 0) != (segment->applied_rate < 0))
      direction = -1;
  }

  if (self->direction && direction != self->direction)
    stream_cut (self, settings);
  self->direction = direction;

  from = MIN (from, (guint64) OWL2_CLIP_AXIS_MAX);
  to = MIN (to, (guint64) OWL2_CLIP_AXIS_MAX);
  *time = from;
  *t = direction > 0 ? (gint64) from : -(gint64) to;
  *length = (gint64) (to - from);
  return TRUE;
}

GstClockTime
gst_owl2_stream_time (const GstOwl2Stream *self, GstClockTime pts)
{
  return self->segment.format == GST_FORMAT_TIME
             ? gst_segment_to_stream_time (&self->segment, GST_FORMAT_TIME, pts)
             : GST_CLOCK_TIME_NONE;
}

/* Where upstream says that the whole stream ends, in stream time. */
static gboolean
stream_query_end (GstOwl2Stream *self, GstClockTime *end)
{
  gint64 duration;

  if (!gst_pad_peer_query_duration (self->sinkpad, GST_FORMAT_TIME, &duration)
      || duration <= 0)
    return FALSE;
  *end = (GstClockTime) duration;
  return TRUE;
}

/* Tells the clipper where the stream may end: with the segment, or, since a
 * file may have several segments, with all of it. What upstream says becomes
 * better while it reads, so it is asked again, ever more rarely. */
static void
stream_update_expected (GstOwl2Stream *self)
{
  const GstSegment *segment = &self->segment;
  const guint n = self->n_eos_frames++;
  gint64 ends[OWL2_CLIP_MAX_EXPECTED];
  guint n_ends = 0;
  GstClockTime end;

  if ((n & (n - 1)) != 0 || segment->format != GST_FORMAT_TIME)
    return;
  end = gst_segment_to_stream_time (segment, GST_FORMAT_TIME,
      segment->rate > 0 ? segment->stop : segment->start);
  if (GST_CLOCK_TIME_IS_VALID (end))
    ends[n_ends++] =
        self->direction * (gint64) MIN (end, (guint64) OWL2_CLIP_AXIS_MAX);
  if (self->direction < 0)
    ends[n_ends++] = 0;
  else if (stream_query_end (self, &end))
    ends[n_ends++] = (gint64) MIN (end, (guint64) OWL2_CLIP_AXIS_MAX);
  owl2_clipper_expect (self->clipper, ends, n_ends);
}

/* A buffer's time and duration, with what is missing filled in. */
static void
stream_buffer_time (GstOwl2Stream *self, GstBuffer *buffer, GstClockTime *pts,
    GstClockTime *duration)
{
  const gboolean forward = self->segment.rate > 0;
  GstClockTime step;

  *pts = GST_BUFFER_PTS (buffer);
  *duration = GST_BUFFER_DURATION (buffer);
  if (!GST_CLOCK_TIME_IS_VALID (*duration))
    *duration = self->frame_duration;
  step = GST_CLOCK_TIME_IS_VALID (*duration) ? *duration : 0;

  if (!GST_CLOCK_TIME_IS_VALID (*pts))
    *pts = self->next_pts;
  if (!GST_CLOCK_TIME_IS_VALID (*pts)) {
    if (forward || !GST_CLOCK_TIME_IS_VALID (self->segment.stop))
      *pts = self->segment.start;
    else
      *pts = self->segment.stop - MIN (step, self->segment.stop);
  }
  if (forward)
    self->next_pts = *pts > G_MAXINT64 - step ? *pts : *pts + step;
  else
    self->next_pts = *pts - MIN (step, *pts);
}

/* ---- the stream -------------------------------------------------------- */

/* The clip that a question is about ends with this frame, if it is time. */
static void
stream_keep_recent (GstOwl2Stream *self, GstOwl2Settings *settings, gint64 t)
{
  g_autoptr (GstOwl2Frame) frame = NULL;

  if (!gst_owl2_recent_wants (&self->recent, settings, t))
    return;
  frame = stream_take (self);
  if (!frame)
    return;
  gst_owl2_recent_add (&self->recent, settings, frame, t);
  gst_owl2_worker_set_newest (
      self->worker, gst_owl2_recent_job (&self->recent, settings));
}

/* All that a frame costs that no clip wants is in here: a few comparisons. */
GstFlowReturn
gst_owl2_stream_buffer (
    GstOwl2Stream *self, GstOwl2Settings *settings, GstBuffer *buffer)
{
  GstOwl2Picture picture = {
    .buffer = buffer,
    .info = &self->info,
    .orientation = gst_owl2_orientation_get (&self->orientation),
    .arrived_ns = (guint64) g_get_monotonic_time () * 1000,
  };
  Owl2ClipSettings clips;
  GstClockTime pts, duration;
  gint64 t, length;

  if (!self->have_info) {
    /* Stopped in a probe on the way here. */
    GstFlowReturn flow = gst_owl2_worker_flow (self->worker);

    return flow != GST_FLOW_OK ? flow : GST_FLOW_NOT_NEGOTIATED;
  }

  g_mutex_lock (&self->stats->lock);
  self->stats->counts.frames_seen++;
  g_mutex_unlock (&self->stats->lock);

  stream_update_wait (self, settings);
  stream_buffer_time (self, buffer, &pts, &duration);
  if (stream_place (
          self, settings, pts, duration, &t, &length, &picture.time)) {
    self->picture = &picture;
    self->unreadable = FALSE;
    /* Nobody may ever ask about what is kept for questions. */
    self->lazy = settings->trigger == GST_OWL2_TRIGGER_EOS
                 || settings->trigger == GST_OWL2_TRIGGER_QUESTION;
    if (settings->trigger == GST_OWL2_TRIGGER_EOS)
      stream_update_expected (self);
    else
      self->n_eos_frames = 0;
    if (settings->trigger == GST_OWL2_TRIGGER_QUESTION) {
      stream_keep_recent (self, settings, t);
    } else {
      gst_owl2_recent_clear (&self->recent);
      clips = gst_owl2_settings_clip (settings);
      owl2_clipper_push (self->clipper, &clips, t, length);
    }
    self->picture = NULL;
    g_clear_pointer (&self->taken, gst_owl2_frame_unref);
  }
  return stream_settle (self, self->wait);
}

GstFlowReturn
gst_owl2_stream_gap (GstOwl2Stream *self, GstOwl2Settings *settings,
    GstClockTime pts, GstClockTime duration)
{
  GstClockTime time;
  gint64 t, length;

  stream_update_wait (self, settings);
  if (GST_CLOCK_TIME_IS_VALID (pts)
      && stream_place (self, settings, pts, duration, &t, &length, &time))
    owl2_clipper_gap (self->clipper, t, length);
  return stream_settle (self, self->wait);
}

GstFlowReturn
gst_owl2_stream_drain (GstOwl2Stream *self, GstOwl2Settings *settings)
{
  const gboolean whole = settings->trigger == GST_OWL2_TRIGGER_EOS;
  GstFlowReturn ret;
  guint n_dropped;

  stream_update_wait (self, settings);
  if (self->upstream_live && !self->wait && !whole) {
    stream_cut (self, settings);
    ret = gst_owl2_worker_finish (
        self->worker, settings->eos_timeout, &n_dropped);
    GST_DEBUG_OBJECT (
        self->element, "the end of a live stream skips %u clips", n_dropped);
    stream_count_dropped (self, n_dropped);
    if (ret != GST_FLOW_OK)
      return ret;
    return stream_settle (self, FALSE);
  }
  self->may_drop = FALSE;
  stream_cut (self, settings);
  self->submitted = TRUE; /* earlier ones may still be pending */
  return stream_settle (self, TRUE);
}

gboolean
gst_owl2_stream_set_caps (GstOwl2Stream *self, GstCaps *caps)
{
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps)) {
    GST_WARNING_OBJECT (self->element, "not raw video: %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  self->info = info;
  self->have_info = TRUE;
  self->frame_duration = GST_CLOCK_TIME_NONE;
  if (info.fps_n > 0 && info.fps_d > 0)
    self->frame_duration = gst_util_uint64_scale (
        GST_SECOND, (guint64) info.fps_d, (guint64) info.fps_n);
  self->check_live = TRUE;
  gst_owl2_orientation_look_upstream (&self->orientation, self->sinkpad);
  return TRUE;
}

void
gst_owl2_stream_set_segment (GstOwl2Stream *self, const GstSegment *segment)
{
  gst_segment_copy_into (segment, &self->segment);
  self->next_pts = GST_CLOCK_TIME_NONE;
  self->n_eos_frames = 0;
  self->check_live = TRUE;
  owl2_clipper_new_segment (self->clipper);
}

void
gst_owl2_stream_event (GstOwl2Stream *self, GstEvent *event)
{
  gst_owl2_orientation_event (&self->orientation, event);
  gst_owl2_orientation_look_upstream (&self->orientation, self->sinkpad);
}

void
gst_owl2_stream_reset (GstOwl2Stream *self, gboolean all)
{
  gst_segment_init (&self->segment, GST_FORMAT_TIME);
  self->next_pts = GST_CLOCK_TIME_NONE;
  self->direction = 0;
  self->n_eos_frames = 0;
  self->check_live = TRUE;
  self->submitted = FALSE;
  owl2_clipper_reset (self->clipper);
  gst_owl2_recent_clear (&self->recent);
  self->n_resets++;
  if (all) {
    self->have_info = FALSE;
    memset (&self->orientation, 0, sizeof (self->orientation));
    memset (&self->drop_limit, 0, sizeof (self->drop_limit));
    memset (&self->read_limit, 0, sizeof (self->read_limit));
    self->n_dropped = self->n_unreadable = 0;
    g_clear_error (&self->read_error);
  }
}

GstOwl2Stream *
gst_owl2_stream_new (GstElement *element, GstPad *sinkpad,
    GstOwl2Worker *worker, GstOwl2Stats *stats)
{
  static const Owl2ClipperFuncs funcs = { stream_take, stream_ref_taken,
    stream_drop_taken, stream_on_clip, stream_hold_settings,
    stream_let_settings_go };
  GstOwl2Stream *self = g_new0 (GstOwl2Stream, 1);

  self->element = element;
  self->sinkpad = sinkpad;
  self->worker = worker;
  self->stats = stats;
  self->clipper = owl2_clipper_new (&funcs, self);
  gst_owl2_stream_reset (self, TRUE);
  return self;
}

void
gst_owl2_stream_free (GstOwl2Stream *self)
{
  if (!self)
    return;
  owl2_clipper_free (self->clipper);
  gst_owl2_recent_clear (&self->recent);
  g_clear_error (&self->read_error);
  g_free (self);
}
