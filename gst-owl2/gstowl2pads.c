/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers, events and queries of the pads that are always there. */
#include "gstowl2-private.h"

/* ---- what leaves ------------------------------------------------------- */

/* What @settings mean for the text of this stream. Any thread. */
static GstOwl2TextHow
gst_owl2_text_how_now (GstOwl2 *self, const GstOwl2Settings *settings)
{
  return gst_owl2_text_how (settings, gst_owl2_stream_is_live (self->stream),
      gst_owl2_stream_waits (self->stream));
}

void
gst_owl2_tell_text (GstOwl2 *self, const GstOwl2Answer *answer)
{
  g_autoptr (GstOwl2Settings) settings = NULL;
  GstOwl2TextHow how;

  if (!gst_owl2_text_is_wanted (self->text))
    return;
  settings = gst_owl2_ref_settings (self);
  how = gst_owl2_text_how_now (self, settings);
  gst_owl2_text_answer (self->text, &how, answer);
}

/* Text that must not be overtaken goes first. */
static void
gst_owl2_advance_text (GstOwl2 *self, const GstOwl2Settings *settings,
    GstClockTime pts, GstClockTime duration)
{
  GstOwl2TextHow how;

  if (!gst_owl2_text_is_wanted (self->text))
    return;
  how = gst_owl2_text_how_now (self, settings);
  gst_owl2_text_advance (self->text, &how, pts, duration);
}

/* Whether the answer is too old to be put on what is shown at @pts. */
static gboolean
gst_owl2_is_outdated (GstOwl2 *self, const GstOwl2Settings *settings,
    const GstOwl2Answer *answer, GstClockTime pts)
{
  GstClockTime time = GST_CLOCK_TIME_NONE;

  if (self->out_segment.format == GST_FORMAT_TIME)
    time =
        gst_segment_to_stream_time (&self->out_segment, GST_FORMAT_TIME, pts);
  return settings->max_age && GST_CLOCK_TIME_IS_VALID (time)
         && time > answer->end && time - answer->end > settings->max_age;
}

/* All video leaves here, and text goes on up to its end. What is downstream may
 * drop the element, as with the other functions of the hold. */
static GstFlowReturn
gst_owl2_push_video (
    GstBuffer *buffer, GstOwl2Answer *answer, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);

  if (answer
      && !gst_owl2_is_outdated (
          self, settings, answer, GST_BUFFER_PTS (buffer))) {
    /* At most the buffer's description is copied, never its memory. */
    buffer = gst_buffer_make_writable (buffer);
    gst_owl2_meta_add (buffer, answer);
    if (answer->look && settings->look)
      buffer =
          gst_owl2_look_put (buffer, answer, &self->out_info, self->out_raw);
  }
  gst_owl2_advance_text (
      self, settings, GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer));
  return gst_pad_push (self->srcpad, buffer);
}

static void
gst_owl2_set_out_caps (GstOwl2 *self, GstEvent *event)
{
  GstCapsFeatures *features;
  GstCaps *caps;

  gst_event_parse_caps (event, &caps);
  features = gst_caps_get_features (caps, 0);
  self->out_raw = gst_video_info_from_caps (&self->out_info, caps)
                  && (!features
                      || gst_caps_features_contains (
                          features, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY));
}

/* And all events that go along with it, or before it in a flush. */
static gboolean
gst_owl2_push_event (GstEvent *event, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
    gst_event_copy_segment (event, &self->out_segment);
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS)
    gst_owl2_set_out_caps (self, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_GAP) {
    g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
    GstClockTime pts, duration;

    gst_event_parse_gap (event, &pts, &duration);
    gst_owl2_advance_text (self, settings, pts, duration);
  } else {
    gst_owl2_text_event (self->text, event);
  }
  return gst_pad_push_event (self->srcpad, event);
}

static guint64
gst_owl2_max_queue_time (const GstOwl2Settings *settings)
{
  return settings->max_queue_bytes ? settings->max_queue_time : 0;
}

/* The video that comes next is that of the answer. */
static void
gst_owl2_reach_answer (
    GstOwl2Answer *answer, guint64 took_ns, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);

  gst_owl2_tell_text (self, answer);
  if (gst_owl2_stream_is_live (self->stream)
      && gst_owl2_stream_waits (self->stream))
    gst_owl2_latency_grow (&self->latency, GST_ELEMENT (self), took_ns,
        gst_owl2_max_queue_time (settings));
}

static void
gst_owl2_flow_failed (GstFlowReturn flow, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);

  GST_ELEMENT_FLOW_ERROR (self, flow);
}

/* ---- what comes -------------------------------------------------------- */

static GstOwl2HoldHow
gst_owl2_hold_how (GstOwl2 *self, const GstOwl2Settings *settings)
{
  return (GstOwl2HoldHow){ gst_owl2_stream_waits (self->stream),
    settings->max_queue_time, settings->max_queue_bytes };
}

static GstFlowReturn
gst_owl2_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstOwl2 *self = GST_OWL2 (parent);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  GstClockTime start, end;
  GstOwl2HoldHow how;
  GstFlowReturn ret;

  ret = gst_owl2_stream_buffer (self->stream, settings, buffer);
  if (ret != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    return ret;
  }
  how = gst_owl2_hold_how (self, settings);
  gst_owl2_stream_running_time (self->stream, GST_BUFFER_PTS (buffer),
      GST_BUFFER_DURATION (buffer), &start, &end);
  ret = gst_owl2_hold_buffer (self->hold, &how, buffer, start, end);
  /* What failed meanwhile ends the stream with this buffer. */
  return ret == GST_FLOW_OK ? gst_owl2_worker_flow (self->worker) : ret;
}

/* In its place among the buffers. */
static gboolean
gst_owl2_forward_event (
    GstOwl2 *self, const GstOwl2Settings *settings, GstEvent *event)
{
  const GstOwl2HoldHow how = gst_owl2_hold_how (self, settings);
  GstClockTime pts = GST_CLOCK_TIME_NONE, duration = GST_CLOCK_TIME_NONE;
  GstClockTime start, end;

  if (GST_EVENT_TYPE (event) == GST_EVENT_GAP)
    gst_event_parse_gap (event, &pts, &duration);
  gst_owl2_stream_running_time (self->stream, pts, duration, &start, &end);
  return gst_owl2_hold_event (self->hold, &how, event, start, end);
}

/* Whoever waits for an answer or a question goes on, until it is FALSE. */
static void
gst_owl2_set_flushing (GstOwl2 *self, gboolean flushing)
{
  gst_owl2_worker_set_flushing (self->worker, flushing);
  gst_owl2_questions_set_video_flushing (self->questions, flushing);
}

static gboolean
gst_owl2_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstOwl2 *self = GST_OWL2 (parent);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  GstClockTime pts, duration;
  const GstSegment *segment;
  gboolean ret;
  GstCaps *caps;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      gst_event_parse_caps (event, &caps);
      if (!gst_owl2_stream_set_caps (self->stream, caps)) {
        gst_event_unref (event);
        return FALSE;
      }
      break;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_TAG:
      gst_owl2_stream_event (self->stream, event);
      break;
    case GST_EVENT_SEGMENT:
      gst_owl2_questions_set_ended (self->questions, FALSE);
      gst_event_parse_segment (event, &segment);
      gst_owl2_stream_set_segment (self->stream, segment);
      break;
    case GST_EVENT_GAP:
      gst_event_parse_gap (event, &pts, &duration);
      gst_owl2_stream_gap (self->stream, settings, pts, duration);
      break;
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_EOS:
      if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
        gst_owl2_questions_set_ended (self->questions, TRUE);
      /* A flush may have ended the wait: then this is not the end any more. */
      if (gst_owl2_stream_drain (self->stream, settings) == GST_FLOW_FLUSHING) {
        gst_event_unref (event);
        return FALSE;
      }
      gst_owl2_question_tell_lost (
          self, gst_owl2_stream_waits (self->stream)
                    && !gst_owl2_stream_is_live (self->stream));
      break;
    case GST_EVENT_FLUSH_START:
      /* First, as nothing leaves because its answer is given up. */
      gst_owl2_hold_flush_start (self->hold);
      gst_owl2_set_flushing (self, TRUE);
      ret = gst_owl2_push_event (event, self);
      gst_owl2_hold_flush_told (self->hold);
      return ret;
    case GST_EVENT_FLUSH_STOP:
      gst_owl2_stream_reset (self->stream, FALSE);
      gst_owl2_hold_flush_stop (self->hold);
      gst_owl2_set_flushing (self, FALSE);
      return gst_owl2_push_event (event, self);
    default:
      if (!GST_EVENT_IS_SERIALIZED (event))
        return gst_owl2_push_event (event, self);
      break;
  }
  return gst_owl2_forward_event (self, settings, event);
}

/* While the element stops, the pad of the source is the first to go, and
 * nothing can leave. Upstream is told that, for a caps event that is not taken
 * is an error to it. */
static GstFlowReturn
gst_owl2_sink_event_full (GstPad *pad, GstObject *parent, GstEvent *event)
{
  const gboolean caps = GST_EVENT_TYPE (event) == GST_EVENT_CAPS;

  if (gst_owl2_sink_event (pad, parent, event))
    return GST_FLOW_OK;
  if (!gst_owl2_hold_is_open (GST_OWL2 (parent)->hold))
    return GST_FLOW_FLUSHING;
  return caps ? GST_FLOW_NOT_NEGOTIATED : GST_FLOW_ERROR;
}

/* Both pads: a neighbour may want to share a Vulkan device. */
static gboolean
gst_owl2_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstOwl2 *self = GST_OWL2 (parent);

  if (gst_owl2_vulkan_query (self->vulkan, GST_ELEMENT (self), pad, query))
    return TRUE;
  return gst_pad_query_default (pad, parent, query);
}

/* What is asked in order has its place behind what is held. */
static gboolean
gst_owl2_sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstOwl2 *self = GST_OWL2 (parent);

  if (GST_QUERY_IS_SERIALIZED (query) && !gst_owl2_hold_wait (self->hold))
    return FALSE;
  return gst_owl2_query (pad, parent, query);
}

/* Both of video and of text. */
static gboolean
gst_owl2_src_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstOwl2 *self = GST_OWL2 (parent);
  gboolean ret = gst_owl2_query (pad, parent, query);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);

  if (ret && GST_QUERY_TYPE (query) == GST_QUERY_LATENCY
      && gst_owl2_settings_waits (settings, TRUE))
    gst_owl2_latency_query (
        &self->latency, query, gst_owl2_max_queue_time (settings));
  return ret;
}

/* Video goes from one to the other, whatever pads there are beside. */
static GstIterator *
gst_owl2_iterate_links (GstPad *pad, GstObject *parent)
{
  GstOwl2 *self = GST_OWL2 (parent);
  GValue other = G_VALUE_INIT;
  GstIterator *iterator;

  g_value_init (&other, GST_TYPE_PAD);
  g_value_set_object (
      &other, pad == self->sinkpad ? self->srcpad : self->sinkpad);
  iterator = gst_iterator_new_single (GST_TYPE_PAD, &other);
  g_value_unset (&other);
  return iterator;
}

static gboolean
gst_owl2_sink_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  gst_owl2_set_flushing (GST_OWL2 (parent), !active);
  return TRUE;
}

static gboolean
gst_owl2_src_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  gst_owl2_hold_set_active (GST_OWL2 (parent)->hold, active);
  return TRUE;
}

/* A sink that has both pads, such as textoverlay, sends a seek to each. */
static gboolean
gst_owl2_src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstOwl2 *self = GST_OWL2 (parent);
  const gboolean video = pad == self->srcpad;

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    const gint seqnum = (gint) gst_event_get_seqnum (event);
    gint *other = video ? &self->text_seek : &self->video_seek;

    g_atomic_int_set (video ? &self->video_seek : &self->text_seek, seqnum);
    if (g_atomic_int_get (other) == seqnum) {
      gst_event_unref (event);
      return TRUE;
    }
    return gst_owl2_question_seek (self, pad, event);
  }
  if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY)
    gst_owl2_latency_told (&self->latency);
  /* How late a text is, is nothing that upstream could help. */
  if (!video && GST_EVENT_TYPE (event) == GST_EVENT_QOS) {
    gst_event_unref (event);
    return TRUE;
  }
  return gst_pad_event_default (pad, parent, event);
}

/* ---- object ------------------------------------------------------------ */

static GstPad *
gst_owl2_request_pad (GstElement *element, GstPadTemplate *templ,
    const char *name, const GstCaps *caps)
{
  GstOwl2 *self = GST_OWL2 (element);
  GstState state;
  GstPad *pad;

  if (GST_PAD_TEMPLATE_DIRECTION (templ) == GST_PAD_SINK) {
    pad = gst_owl2_question_request (self, templ);
  } else if ((pad = gst_owl2_text_request (self->text, templ))) {
    gst_pad_set_iterate_internal_links_function (pad, gst_owl2_iterate_links);
    gst_pad_set_query_function (pad, gst_owl2_src_query);
    gst_pad_set_event_function (pad, gst_owl2_src_event);
  }
  if (!pad)
    return NULL;
  GST_OBJECT_LOCK (self);
  state = MAX (GST_STATE (self), GST_STATE_TARGET (self));
  GST_OBJECT_UNLOCK (self);
  if (state > GST_STATE_READY)
    gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (element, pad);
  return pad;
}

static void
gst_owl2_release_pad (GstElement *element, GstPad *pad)
{
  GstOwl2 *self = GST_OWL2 (element);

  if (GST_PAD_IS_SINK (pad))
    gst_owl2_question_release (self, pad);
  else
    gst_owl2_text_release (self->text, pad);
}

void
gst_owl2_pads_init (GstOwl2 *self)
{
  static const GstOwl2HoldFuncs hold_funcs = { gst_owl2_push_video,
    gst_owl2_push_event, gst_owl2_reach_answer, gst_owl2_flow_failed };
  GstElementClass *klass = GST_ELEMENT_GET_CLASS (self);

  self->sinkpad = gst_pad_new_from_template (
      gst_element_class_get_pad_template (klass, "sink"), "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_owl2_chain);
  gst_pad_set_event_full_function (self->sinkpad, gst_owl2_sink_event_full);
  gst_pad_set_query_function (self->sinkpad, gst_owl2_sink_query);
  gst_pad_set_activatemode_function (
      self->sinkpad, gst_owl2_sink_activate_mode);
  gst_pad_set_iterate_internal_links_function (
      self->sinkpad, gst_owl2_iterate_links);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->questions = gst_owl2_questions_new ();
  self->text = gst_owl2_text_new (GST_ELEMENT (self));

  self->srcpad = gst_pad_new_from_template (
      gst_element_class_get_pad_template (klass, "src"), "src");
  gst_pad_set_query_function (self->srcpad, gst_owl2_src_query);
  gst_pad_set_event_function (self->srcpad, gst_owl2_src_event);
  gst_pad_set_iterate_internal_links_function (
      self->srcpad, gst_owl2_iterate_links);
  gst_pad_set_activatemode_function (self->srcpad, gst_owl2_src_activate_mode);
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);

  gst_segment_init (&self->out_segment, GST_FORMAT_UNDEFINED);
  gst_owl2_latency_init (&self->latency);
  self->hold = gst_owl2_hold_new (&hold_funcs, self->srcpad, self);
  self->stream = gst_owl2_stream_new (GST_ELEMENT (self), self->sinkpad,
      self->worker, self->hold, self->stats, self->questions);
}

void
gst_owl2_pads_class_init (GstElementClass *klass)
{
  g_autoptr (GstCaps) caps = gst_owl2_vulkan_template_caps ();

  gst_element_class_add_pad_template (
      klass, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      klass, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_owl2_text_class_init (klass);
  gst_owl2_question_class_init (klass);
  klass->request_new_pad = gst_owl2_request_pad;
  klass->release_pad = gst_owl2_release_pad;
}
