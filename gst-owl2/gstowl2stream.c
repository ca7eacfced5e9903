/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2stream-private.h"
#include "gstowl2latency.h"
#include "printable.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* ---- warnings ---------------------------------------------------------- */

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

/* (transfer full): what an answer takes, and which interval has room for it:
 * rounded up, in tenths of a second. */
static char *
stream_speed (GstOwl2Stream *self)
{
  const guint64 tenth = GST_SECOND / 10;
  const guint64 ns = gst_owl2_worker_answer_ns (self->worker);
  const guint64 fits = (ns + ns / 8 + tenth - 1) / tenth;

  if (!ns)
    return g_strdup ("");
  return g_strdup_printf (
      ": an answer takes %.2f s, interval=%" G_GUINT64_FORMAT " would fit",
      (double) ns / GST_SECOND, fits * tenth);
}

static void
stream_warn (GstOwl2Stream *self)
{
  g_autoptr (GError) error = g_steal_pointer (&self->read_error);
  g_autofree char *shown =
      owl2_printable_message (error ? error->message : NULL);
  guint n_dropped =
      gst_owl2_warning_limit_count (&self->drop_limit, self->n_dropped);
  g_autofree char *speed = NULL;
  guint n_unreadable =
      gst_owl2_warning_limit_count (&self->read_limit, self->n_unreadable);
  const guint n_silences = gst_owl2_warning_limit_count (
      &self->silence_limit, gst_owl2_questions_take_silences (self->questions));

  self->n_dropped_in_all += self->n_dropped;
  self->n_dropped = self->n_unreadable = 0;
  if (n_silences)
    GST_ELEMENT_WARNING (self->element, STREAM, FAILED,
        ("question_sink says nothing of its time: the video goes on without"),
        ("where one demuxer feeds both pads, its branches need longer queues,"
         " before the decoder; who asks now and then has to be live"));
  if (n_dropped) {
    speed = stream_speed (self);
    GST_ELEMENT_WARNING (self->element, RESOURCE, BUSY,
        ("%u clips were skipped (%" G_GUINT64_FORMAT
         " in all), the model is slower than the stream%s",
            n_dropped, self->n_dropped_in_all, speed),
        ("a longer interval, fewer frames or fewer tokens need less time,"
         " and with when-busy=wait the stream waits"));
  }
  if (n_unreadable && error)
    GST_ELEMENT_WARNING (self->element, RESOURCE, READ,
        ("A frame can't be looked at: %s", shown),
        ("%u frames since the last warning", n_unreadable));
}

/* ---- clips ------------------------------------------------------------- */

GstOwl2Frame *
gst_owl2_stream_take (GstOwl2Stream *self, Owl2ImageMode mode)
{
  g_autoptr (GError) error = NULL;
  GstOwl2Picture picture = *self->picture;

  if (self->taken && self->taken->mode == mode)
    return gst_owl2_frame_ref (self->taken);
  if (self->unreadable)
    return NULL;

  picture.mode = mode;
  gst_owl2_frame_unref (self->taken);
  self->taken = gst_owl2_worker_take (
      self->worker, &picture, self->wait, self->lazy, &error);
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

/* As the clip has been opened with: one of the whole stream is with its first
 * frame, and has the other settings of its end. */
static gpointer
stream_take_for (gpointer data, gpointer user_data)
{
  GstOwl2Stream *self = user_data;
  const GstOwl2Settings *settings = data;
  const GstOwl2Frame *kept = NULL;

  if (settings->trigger == GST_OWL2_TRIGGER_EOS)
    kept = owl2_clipper_kept (self->clipper);
  return gst_owl2_stream_take (self, kept ? kept->mode : settings->image_mode);
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

/* (transfer full): those that the clip was opened with; a picture is no clip,
 * whatever they say. */
static GstOwl2Settings *
job_settings (const Owl2Clip *clip)
{
  GstOwl2Settings *settings = clip->settings.data, *copy;

  if (!clip->settings.whole || clip->settings.n_frames == settings->n_frames)
    return gst_owl2_settings_ref (settings);
  copy = gst_owl2_settings_copy (settings);
  copy->n_frames = clip->settings.n_frames;
  return copy;
}

/* (transfer full) (nullable): the place of a clip whose video is held from its
 * first frame on. */
static gpointer
stream_on_opened (const Owl2Clip *clip, gpointer user_data)
{
  GstOwl2Stream *self = user_data;
  const GstOwl2Settings *settings = clip->settings.data;

  if (!self->wait || settings->text_time != GST_OWL2_TEXT_TIME_CLIP_START
      || settings->trigger == GST_OWL2_TRIGGER_SCENE)
    return NULL;
  return gst_owl2_hold_place_early (self->hold);
}

static void
stream_on_closed (gpointer place, gpointer user_data)
{
  gst_owl2_place_end (place);
}

/* @job: (transfer full); @place: (transfer full) (nullable): its own, if it has
 * one already */
static void
stream_submit (GstOwl2Stream *self, GstOwl2Job *job, GstOwl2Place *place)
{
  if (place)
    gst_owl2_place_settle (place);
  else
    place = gst_owl2_hold_place (self->hold, !self->may_drop);
  job->place = place;
  gst_owl2_worker_set_newest (
      self->worker, gst_owl2_job_copy (job, job->settings));
  stream_count_dropped (
      self, gst_owl2_worker_submit (self->worker, job, self->may_drop));
}

/* A frame that may be another scene. */
static void
stream_on_sample (GstOwl2Stream *self, const Owl2Clip *clip)
{
  GstOwl2Job *job = gst_owl2_scene_job (
      self->scene, clip->settings.data, clip->frames[0], clip->start);

  GST_LOG_OBJECT (self->element, "frame of %" GST_TIME_FORMAT " is compared",
      GST_TIME_ARGS (job->sample.frame->time));
  stream_submit (self, job, NULL);
}

/* Frames that there were to be, one for each second. */
static guint
clip_n_wanted (const Owl2Clip *clip)
{
  const GstOwl2Settings *settings = clip->settings.data;
  const guint64 seconds = gst_owl2_settings_span (settings) / GST_SECOND;

  if (clip->n_wanted)
    return clip->n_wanted;
  if (settings->n_frames || clip->n_frames < GST_OWL2_MAX_FRAMES)
    return clip->n_frames;
  return (guint) CLAMP (seconds, clip->n_frames, G_MAXINT);
}

static void
stream_on_clip (Owl2Clip *clip, gpointer user_data)
{
  GstOwl2Stream *self = user_data;
  g_autoptr (GstOwl2Settings) settings = job_settings (clip);
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  gint64 start = clip->start, end = clip->end;
  GstOwl2Place *place = g_steal_pointer (&clip->own);
  GstOwl2Job *job;

  if (settings->trigger == GST_OWL2_TRIGGER_SCENE) {
    stream_on_sample (self, clip);
    owl2_clipper_free_clip (self->clipper, clip);
    return;
  }

  if (self->direction < 0) {
    start = -clip->end;
    end = -clip->start;
  }
  for (guint i = 0; i < clip->n_frames; i++)
    frames[i] = clip->frames[i];
  job = gst_owl2_job_new (settings, (GstClockTime) MAX (start, 0),
      (GstClockTime) MAX (end, 0), frames, clip->n_frames);
  job->n_wanted = clip_n_wanted (clip);
  owl2_clipper_free_clip (self->clipper, clip);

  GST_DEBUG_OBJECT (self->element,
      "clip %" GST_TIME_FORMAT " - %" GST_TIME_FORMAT " of %u frames",
      GST_TIME_ARGS (job->start), GST_TIME_ARGS (job->end), job->n_frames);
  stream_submit (self, job, place);
}

static Owl2ClipSettings
stream_clip_settings (const GstOwl2Stream *self, GstOwl2Settings *settings)
{
  Owl2ClipSettings clips = gst_owl2_settings_clip (settings);

  if (self->info.fps_n > 0 && self->info.fps_d > 0) {
    clips.fps_n = (guint) self->info.fps_n;
    clips.fps_d = (guint) self->info.fps_d;
  }
  return clips;
}

/* Clips end here, whatever they have. */
static void
stream_cut (GstOwl2Stream *self, GstOwl2Settings *settings)
{
  const Owl2ClipSettings clips = stream_clip_settings (self, settings);

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
    const gboolean live = gst_owl2_peer_is_live (self->sinkpad);

    GST_DEBUG_OBJECT (self->element, "upstream is %slive", live ? "" : "not ");
    g_atomic_int_set (&self->upstream_live, live);
    self->check_live = FALSE;
  }
  wait = gst_owl2_settings_waits (settings, self->upstream_live);
  /* A camera does not wait until a model is loaded. */
  if (wait && self->upstream_live)
    wait = gst_owl2_worker_is_ready (self->worker);
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

/* Tells what is to be told of the buffer; the flow of the worker. */
static GstFlowReturn
stream_settle (GstOwl2Stream *self)
{
  const guint n_resets = self->n_resets;

  stream_count_dropped (self, owl2_clipper_refused (self->clipper));
  stream_warn (self);
  /* What was started anew in there does not know of this buffer. */
  if (self->n_resets != n_resets)
    return GST_FLOW_FLUSHING;
  return gst_owl2_worker_flow (self->worker);
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

void
gst_owl2_stream_running_time (const GstOwl2Stream *self, GstClockTime pts,
    GstClockTime duration, GstClockTime *start, GstClockTime *end)
{
  const GstSegment *segment = &self->segment;

  *start = *end = GST_CLOCK_TIME_NONE;
  if (segment->format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (pts))
    return;
  if (!GST_CLOCK_TIME_IS_VALID (duration))
    duration = self->frame_duration;
  *start = gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts);
  if (!GST_CLOCK_TIME_IS_VALID (*start))
    return;
  *end = *start;
  if (GST_CLOCK_TIME_IS_VALID (duration))
    *end += (GstClockTime) ((double) duration / ABS (segment->rate));
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

/* A frame may be one of those before one that is compared. */
static void
stream_keep_past (
    GstOwl2Stream *self, GstOwl2Settings *settings, gint64 t, gint64 length)
{
  if (settings->trigger != GST_OWL2_TRIGGER_SCENE) {
    gst_owl2_scene_restart (self->scene);
    return;
  }
  self->lazy = TRUE;
  gst_owl2_scene_push (self->scene, settings, t, length);
}

/* Clips have pictures of one mode, and pictures of one are compared. */
static void
stream_update_mode (GstOwl2Stream *self, const GstOwl2Settings *settings)
{
  if (self->mode == settings->image_mode)
    return;
  self->mode = settings->image_mode;
  gst_owl2_recent_clear (&self->recent);
  gst_owl2_scene_restart (self->scene);
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
    .peak = self->peak,
    .arrived_ns = (guint64) g_get_monotonic_time () * 1000,
    .look = settings->look,
  };
  const gboolean was_wanted = self->wanted;
  Owl2ClipSettings clips;
  GstClockTime pts, duration, from, to;
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
  stream_update_mode (self, settings);
  gst_owl2_stream_update_wanted (self);
  stream_buffer_time (self, buffer, &pts, &duration);
  if (stream_place (
          self, settings, pts, duration, &t, &length, &picture.time)) {
    gst_owl2_questions_place (&self->segment, pts, duration, &from, &to);
    if (was_wanted && self->wanted)
      gst_owl2_stream_ask_before (self, settings, from);
    self->picture = &picture;
    self->unreadable = FALSE;
    self->lazy = settings->trigger == GST_OWL2_TRIGGER_EOS;
    if (settings->trigger == GST_OWL2_TRIGGER_EOS)
      stream_update_expected (self);
    else
      self->n_eos_frames = 0;
    if (settings->trigger != GST_OWL2_TRIGGER_QUESTION) {
      clips = stream_clip_settings (self, settings);
      owl2_clipper_push (self->clipper, &clips, t, length);
    }
    gst_owl2_stream_keep (self, settings, t, (guint64) length, to);
    stream_keep_past (self, settings, t, length);
    self->picture = NULL;
    g_clear_pointer (&self->taken, gst_owl2_frame_unref);
  }
  return stream_settle (self);
}

GstFlowReturn
gst_owl2_stream_gap (GstOwl2Stream *self, GstOwl2Settings *settings,
    GstClockTime pts, GstClockTime duration)
{
  const gboolean was_wanted = self->wanted;
  GstClockTime time, from, to;
  gint64 t, length;

  stream_update_wait (self, settings);
  gst_owl2_stream_update_wanted (self);
  if (GST_CLOCK_TIME_IS_VALID (pts)
      && stream_place (self, settings, pts, duration, &t, &length, &time)) {
    owl2_clipper_gap (self->clipper, t, length);
    gst_owl2_questions_place (&self->segment, pts, duration, &from, &to);
    if (was_wanted && self->wanted)
      gst_owl2_stream_ask_before (self, settings, to);
  }
  return stream_settle (self);
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
    return ret == GST_FLOW_OK ? stream_settle (self) : ret;
  }
  self->may_drop = FALSE;
  stream_cut (self, settings);
  gst_owl2_hold_rest (self->hold);
  return stream_settle (self);
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
  self->peak = gst_owl2_colour_peak (caps, &info);
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
  gst_owl2_scene_restart (self->scene);
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
  self->wanted = FALSE;
  owl2_clipper_reset (self->clipper);
  gst_owl2_recent_clear (&self->recent);
  gst_owl2_scene_restart (self->scene);
  self->n_resets++;
  if (all) {
    self->have_info = FALSE;
    memset (&self->orientation, 0, sizeof (self->orientation));
    memset (&self->drop_limit, 0, sizeof (self->drop_limit));
    memset (&self->read_limit, 0, sizeof (self->read_limit));
    memset (&self->silence_limit, 0, sizeof (self->silence_limit));
    self->n_dropped = self->n_unreadable = 0;
    self->n_dropped_in_all = 0;
    g_clear_error (&self->read_error);
  }
}

GstOwl2Stream *
gst_owl2_stream_new (GstElement *element, GstPad *sinkpad,
    GstOwl2Worker *worker, GstOwl2Hold *hold, GstOwl2Stats *stats,
    GstOwl2Questions *questions)
{
  static const Owl2ClipperFuncs funcs = { stream_take_for,
    gst_owl2_frame_clip_ref, gst_owl2_frame_clip_drop, stream_on_clip,
    stream_hold_settings, stream_let_settings_go, stream_on_opened,
    stream_on_closed };
  GstOwl2Stream *self = g_new0 (GstOwl2Stream, 1);

  self->element = element;
  self->sinkpad = sinkpad;
  self->worker = worker;
  self->hold = hold;
  self->stats = stats;
  self->questions = questions;
  self->clipper = owl2_clipper_new (&funcs, self);
  self->scene = gst_owl2_scene_new (stream_take_for, self);
  gst_owl2_stream_reset (self, TRUE);
  return self;
}

void
gst_owl2_stream_free (GstOwl2Stream *self)
{
  if (!self)
    return;
  owl2_clipper_free (self->clipper);
  gst_owl2_scene_free (self->scene);
  gst_owl2_recent_clear (&self->recent);
  g_clear_error (&self->read_error);
  g_free (self);
}
