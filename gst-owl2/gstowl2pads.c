/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers, events and queries of the pads that are always there. */
#include "gstowl2-private.h"

/* ---- what leaves ------------------------------------------------------- */

GstOwl2TextHow
gst_owl2_text_how_now (GstOwl2 *self, const GstOwl2Settings *settings)
{
  return gst_owl2_text_how (settings, gst_owl2_stream_is_live (self->stream),
      gst_owl2_stream_waits (self->stream));
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
  const GstClockTime time = gst_owl2_stream_time (self->stream, pts);

  return settings->max_age && GST_CLOCK_TIME_IS_VALID (time)
         && time > answer->end && time - answer->end > settings->max_age;
}

GstFlowReturn
gst_owl2_push_video (GstOwl2 *self, GstBuffer *buffer)
{
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  g_autoptr (GstOwl2Answer) answer = gst_owl2_worker_latest (self->worker);

  if (answer
      && !gst_owl2_is_outdated (
          self, settings, answer, GST_BUFFER_PTS (buffer))) {
    /* At most the buffer's description is copied, never its memory. */
    buffer = gst_buffer_make_writable (buffer);
    gst_owl2_meta_add (buffer, answer);
  }
  gst_owl2_advance_text (
      self, settings, GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer));
  return gst_pad_push (self->srcpad, buffer);
}

gboolean
gst_owl2_push_event (GstOwl2 *self, GstEvent *event)
{
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

/* ---- what comes -------------------------------------------------------- */

static GstFlowReturn
gst_owl2_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstOwl2 *self = GST_OWL2 (parent);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  GstFlowReturn ret;

  ret = gst_owl2_stream_buffer (self->stream, settings, buffer);
  if (ret != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    return ret;
  }
  return gst_owl2_push_video (self, buffer);
}

static gboolean
gst_owl2_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstOwl2 *self = GST_OWL2 (parent);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  GstClockTime pts, duration;
  const GstSegment *segment;
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
      gst_event_parse_segment (event, &segment);
      gst_owl2_stream_set_segment (self->stream, segment);
      break;
    case GST_EVENT_GAP:
      gst_event_parse_gap (event, &pts, &duration);
      gst_owl2_stream_gap (self->stream, settings, pts, duration);
      break;
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_EOS:
      /* A flush may have ended the wait: then this is not the end any more. */
      if (gst_owl2_stream_drain (self->stream, settings) == GST_FLOW_FLUSHING) {
        gst_event_unref (event);
        return FALSE;
      }
      break;
    case GST_EVENT_FLUSH_START:
      gst_owl2_worker_set_flushing (self->worker, TRUE);
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_owl2_stream_reset (self->stream, FALSE);
      gst_owl2_worker_set_flushing (self->worker, FALSE);
      break;
    default:
      break;
  }
  return gst_owl2_push_event (self, event);
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

/* Allocation is negotiated between the neighbours, except that upstream must
 * not leave the cropping of frames to this element. */
static gboolean
gst_owl2_sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  gboolean ret = gst_owl2_query (pad, parent, query);
  guint index;

  if (ret && GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION)
    while (gst_query_find_allocation_meta (
        query, GST_VIDEO_CROP_META_API_TYPE, &index))
      gst_query_remove_nth_allocation_meta (query, index);
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
  gst_owl2_worker_set_flushing (GST_OWL2 (parent)->worker, !active);
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
  }
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
  GstPad *pad = gst_owl2_text_request (self->text, templ);

  if (!pad)
    return NULL;
  gst_pad_set_iterate_internal_links_function (pad, gst_owl2_iterate_links);
  gst_pad_set_event_function (pad, gst_owl2_src_event);
  return pad;
}

static void
gst_owl2_release_pad (GstElement *element, GstPad *pad)
{
  gst_owl2_text_release (GST_OWL2 (element)->text, pad);
}

void
gst_owl2_pads_init (GstOwl2 *self)
{
  GstElementClass *klass = GST_ELEMENT_GET_CLASS (self);

  self->sinkpad = gst_pad_new_from_template (
      gst_element_class_get_pad_template (klass, "sink"), "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_owl2_chain);
  gst_pad_set_event_function (self->sinkpad, gst_owl2_sink_event);
  gst_pad_set_query_function (self->sinkpad, gst_owl2_sink_query);
  gst_pad_set_activatemode_function (
      self->sinkpad, gst_owl2_sink_activate_mode);
  gst_pad_set_iterate_internal_links_function (
      self->sinkpad, gst_owl2_iterate_links);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->stream = gst_owl2_stream_new (
      GST_ELEMENT (self), self->sinkpad, self->worker, self->stats);

  self->text = gst_owl2_text_new (GST_ELEMENT (self));

  self->srcpad = gst_pad_new_from_template (
      gst_element_class_get_pad_template (klass, "src"), "src");
  gst_pad_set_query_function (self->srcpad, gst_owl2_query);
  gst_pad_set_event_function (self->srcpad, gst_owl2_src_event);
  gst_pad_set_iterate_internal_links_function (
      self->srcpad, gst_owl2_iterate_links);
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
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
  klass->request_new_pad = gst_owl2_request_pad;
  klass->release_pad = gst_owl2_release_pad;
}
