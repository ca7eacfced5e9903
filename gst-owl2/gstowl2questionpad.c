/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The request pad `question_sink`: from buffers of text to questions. Its
 * stream ends here, nothing of it goes on downstream. */
#include "gstowl2-private.h"

#include <string.h>

static GstStaticPadTemplate question_template =
    GST_STATIC_PAD_TEMPLATE ("question_sink", GST_PAD_SINK, GST_PAD_REQUEST,
        GST_STATIC_CAPS (GST_OWL2_TEXT_CAPS));

/* (transfer full) (nullable): UTF-8 without white space around it; NULL if that
 * leaves nothing. */
static char *
buffer_text (GstBuffer *buffer)
{
  g_autofree char *text = NULL;
  const char *begin, *end;
  GstMapInfo map;

  /* An empty one maps to NULL. */
  if (!gst_buffer_get_size (buffer)
      || !gst_buffer_map (buffer, &map, GST_MAP_READ))
    return NULL;
  text = g_utf8_make_valid ((const char *) map.data,
      (gssize) strnlen ((const char *) map.data, map.size));
  gst_buffer_unmap (buffer, &map);

  begin = text;
  while (*begin && g_unichar_isspace (g_utf8_get_char (begin)))
    begin = g_utf8_next_char (begin);
  end = begin + strlen (begin);
  while (end > begin) {
    const char *last = g_utf8_prev_char (end);

    if (!g_unichar_isspace (g_utf8_get_char (last)))
      break;
    end = last;
  }
  return end > begin ? g_strndup (begin, (gsize) (end - begin)) : NULL;
}

static GstFlowReturn
question_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstOwl2 *self = GST_OWL2 (parent);
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  g_autofree char *text = buffer_text (buffer);
  GstOwl2Job *now;
  GstFlowReturn ret;

  ret = gst_owl2_questions_push (
      self->questions, text, GST_BUFFER_PTS (buffer), settings, &now);
  gst_buffer_unref (buffer);
  if (now) {
    now->place = gst_owl2_hold_place (self->hold, FALSE);
    gst_owl2_worker_ask_job (self->worker, now, FALSE);
  }
  return ret;
}

static gboolean
question_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstOwl2 *self = GST_OWL2 (parent);

  /* Before the video, which may wait for this, ends. */
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    gst_owl2_question_tell_lost (self, FALSE);
  gst_owl2_questions_event (self->questions, event);
  gst_event_unref (event);
  return TRUE;
}

static gboolean
question_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  gst_owl2_questions_set_active (gst_pad_get_element_private (pad), active);
  return TRUE;
}

static void
question_on_linked (GstPad *pad, GstPad *peer, GstOwl2Questions *questions)
{
  gst_owl2_questions_set_linked (questions, TRUE);
}

static void
question_on_unlinked (GstPad *pad, GstPad *peer, GstOwl2Questions *questions)
{
  gst_owl2_questions_set_linked (questions, FALSE);
}

static void
questions_let_go (gpointer data, GClosure *closure)
{
  gst_owl2_questions_unref (data);
}

GstPad *
gst_owl2_question_request (GstOwl2 *self, GstPadTemplate *templ)
{
  GstPad *pad = gst_pad_new_from_template (templ, "question_sink");

  gst_pad_set_element_private (pad, self->questions);
  gst_pad_set_chain_function (pad, question_chain);
  gst_pad_set_event_function (pad, question_event);
  gst_pad_set_activatemode_function (pad, question_activate_mode);
  if (!gst_owl2_questions_set_pad (self->questions, pad)) {
    gst_object_unref (gst_object_ref_sink (pad));
    return NULL;
  }
  /* The pad may outlive the element. */
  g_signal_connect_data (pad, "linked", G_CALLBACK (question_on_linked),
      gst_owl2_questions_ref (self->questions), questions_let_go, 0);
  g_signal_connect_data (pad, "unlinked", G_CALLBACK (question_on_unlinked),
      gst_owl2_questions_ref (self->questions), questions_let_go, 0);
  return pad;
}

void
gst_owl2_question_release (GstOwl2 *self, GstPad *pad)
{
  gst_object_ref (pad);
  gst_pad_set_active (pad, FALSE);
  gst_owl2_questions_set_pad (self->questions, NULL);
  gst_element_remove_pad (GST_ELEMENT (self), pad);
  g_signal_handlers_disconnect_by_data (pad, self->questions);
  gst_object_unref (pad);
}

/* A seek of the questions to @start, in stream time. */
static void
seek_questions (
    GstOwl2Questions *questions, GstPad *pad, GstEvent *event, gint64 start)
{
  gst_pad_push_event (pad, gst_event_ref (event));
  /* subparse takes its new segment after its thread goes on, which may begin
   * with the old one then (1.22). With a second seek, both are the same. */
  if (!gst_owl2_questions_are_at (questions, (GstClockTime) start))
    gst_pad_push_event (pad, gst_event_ref (event));
}

gboolean
gst_owl2_question_seek (GstOwl2 *self, GstPad *pad, GstEvent *event)
{
  g_autoptr (GstPad) question =
      gst_element_get_static_pad (GST_ELEMENT (self), "question_sink");
  GstSeekType start_type;
  GstSeekFlags flags;
  GstFormat format;
  gint64 start;
  gboolean ret;

  gst_event_parse_seek (
      event, NULL, &format, &flags, &start_type, &start, NULL, NULL);
  if (format != GST_FORMAT_TIME || start_type != GST_SEEK_TYPE_SET)
    start = -1;
  /* The video must not go on with the questions of before. Where it is not
   * flushed, whoever seeks may wait for it. */
  if (question && (flags & GST_SEEK_FLAG_FLUSH))
    gst_owl2_questions_set_seeking (self->questions, TRUE);
  ret = gst_pad_event_default (pad, GST_OBJECT (self), gst_event_ref (event));
  if (question && (flags & GST_SEEK_FLAG_FLUSH) && start >= 0)
    seek_questions (self->questions, question, event, start);
  else if (question)
    gst_pad_push_event (question, gst_event_ref (event));
  gst_owl2_questions_set_seeking (self->questions, FALSE);
  gst_event_unref (event);
  return ret;
}

void
gst_owl2_question_tell_lost (GstOwl2 *self, gboolean wait)
{
  const guint n = gst_owl2_questions_take_lost (self->questions, wait);

  if (n)
    GST_ELEMENT_WARNING (self, STREAM, FAILED,
        ("The video ended before %u of the questions, which are not asked", n),
        (NULL));
}

void
gst_owl2_question_class_init (GstElementClass *klass)
{
  gst_element_class_add_static_pad_template (klass, &question_template);
}
