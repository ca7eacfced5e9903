/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asker.h"

#include <string.h>

#define WAIT_LIMIT (20 * G_TIME_SPAN_SECOND)

static gboolean
asker_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  Asker *a = gst_pad_get_element_private (pad);

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return gst_pad_query_default (pad, parent, query);
  gst_query_set_latency (query, a->live, 0, GST_CLOCK_TIME_NONE);
  return TRUE;
}

static gboolean
asker_upstream (GstPad *pad, GstObject *parent, GstEvent *event)
{
  Asker *a = gst_pad_get_element_private (pad);

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    g_atomic_int_inc (&a->n_seeks);
    if (a->on_seek)
      a->on_seek (a->data);
  }
  gst_event_unref (event);
  return TRUE;
}

Asker *
asker_new (Bench *b)
{
  Asker *a = g_new0 (Asker, 1);

  a->src = gst_pad_new ("questions", GST_PAD_SRC);
  gst_pad_set_element_private (a->src, a);
  gst_pad_set_query_function (a->src, asker_query);
  gst_pad_set_event_function (a->src, asker_upstream);
  gst_pad_set_active (a->src, TRUE);
  a->sink = gst_element_request_pad_simple (b->element, "question_sink");
  g_assert_nonnull (a->sink);
  g_assert_cmpint (gst_pad_link (a->src, a->sink), ==, GST_PAD_LINK_OK);
  return a;
}

Asker *
asker_begin (Bench *b)
{
  Asker *a = asker_new (b);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  asker_segment (a, &segment);
  return a;
}

void
asker_free (Asker *a)
{
  gst_pad_set_active (a->src, FALSE);
  gst_object_unref (a->src);
  gst_object_unref (a->sink);
  g_free (a);
}

void
asker_end (Bench *b, Asker *a)
{
  bench_free (b);
  asker_free (a);
  fake_reset ();
}

char *
asker_warning (Bench *b)
{
  g_autoptr (GstMessage) message = bench_message (b, GST_MESSAGE_WARNING);
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  return g_strdup (error->message);
}

void
asker_event (Asker *a, GstEvent *event)
{
  g_assert_true (gst_pad_push_event (a->src, event));
}

void
asker_segment (Asker *a, const GstSegment *segment)
{
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("text/x-raw, format=(string)utf8");

  asker_event (a, gst_event_new_stream_start ("questions"));
  asker_event (a, gst_event_new_caps (caps));
  asker_event (a, gst_event_new_segment (segment));
}

GstFlowReturn
asker_push (Asker *a, const char *text, GstClockTime pts)
{
  GstBuffer *buffer = gst_buffer_new_wrapped (g_strdup (text), strlen (text));

  GST_BUFFER_PTS (buffer) = pts;
  return gst_pad_push (a->src, buffer);
}

void
asker_ask (Asker *a, const char *text, GstClockTime pts)
{
  g_assert_cmpint (asker_push (a, text, pts), ==, GST_FLOW_OK);
}

void
asker_gap (Asker *a, GstClockTime pts, GstClockTime duration)
{
  asker_event (a, gst_event_new_gap (pts, duration));
}

void
asker_eos (Asker *a)
{
  asker_event (a, gst_event_new_eos ());
}

struct _AskerCall {
  Asker *asker;
  guint n;
  GstClockTime pts, step;
  GstFlowReturn ret;
  gint n_pushed, done; /* atomic */
  GThread *thread;
};

static gpointer
call_run (gpointer data)
{
  AskerCall *call = data;

  for (guint i = 0; i < call->n && call->ret == GST_FLOW_OK; i++) {
    g_autofree char *text = g_strdup_printf ("Q%u", i);

    call->ret = asker_push (call->asker, text, call->pts + i * call->step);
    if (call->ret == GST_FLOW_OK)
      g_atomic_int_inc (&call->n_pushed);
  }
  if (call->ret == GST_FLOW_OK)
    gst_pad_push_event (call->asker->src, gst_event_new_eos ());
  g_atomic_int_set (&call->done, 1);
  return NULL;
}

AskerCall *
asker_push_async (Asker *a, guint n, GstClockTime pts, GstClockTime step)
{
  AskerCall *call = g_new0 (AskerCall, 1);

  call->asker = a;
  call->n = n;
  call->pts = pts;
  call->step = step;
  call->thread = g_thread_new ("ask", call_run, call);
  return call;
}

guint
asker_n_pushed (AskerCall *call)
{
  return (guint) g_atomic_int_get (&call->n_pushed);
}

void
asker_wait_pushed (AskerCall *call, guint n)
{
  const gint64 end = g_get_monotonic_time () + WAIT_LIMIT;

  while (asker_n_pushed (call) < n) {
    if (g_get_monotonic_time () > end)
      g_error ("only %u of %u questions are taken", asker_n_pushed (call), n);
    g_usleep (500);
  }
}

GstFlowReturn
asker_call_finish (AskerCall *call)
{
  const gint64 end = g_get_monotonic_time () + WAIT_LIMIT;
  GstFlowReturn ret;

  while (!g_atomic_int_get (&call->done)) {
    if (g_get_monotonic_time () > end)
      g_error ("the thread of the questions does not come back");
    g_usleep (500);
  }
  g_thread_join (call->thread);
  ret = call->ret;
  g_free (call);
  return ret;
}

/* The first @n_wait are waited for. */
static char *
answers (Bench *b, gboolean with_span, guint n_wait)
{
  GString *text = g_string_new (NULL);
  GstStructure *s;

  while ((s = bench_answer (b, n_wait ? WAIT_LIMIT * GST_USECOND : 0))) {
    g_autofree char *times = structure_times (s);

    g_string_append_printf (text, "%s%s:%s", text->len ? ", " : "",
        gst_structure_get_string (s, "prompt"), times);
    if (with_span)
      g_string_append_printf (text, " %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
          structure_uint64 (s, "start") / MS, structure_uint64 (s, "end") / MS);
    gst_structure_free (s);
    n_wait -= n_wait > 0;
  }
  return g_string_free (text, FALSE);
}

char *
asker_answers (Bench *b)
{
  return answers (b, TRUE, 0);
}

char *
asker_times (Bench *b)
{
  return answers (b, FALSE, 0);
}

char *
asker_wait_times (Bench *b, guint n)
{
  return answers (b, FALSE, n);
}
