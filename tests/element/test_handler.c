/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A synchronous handler of the element's own messages, on whichever thread they
 * come, stops it, drops it or starts it anew. Also run under ThreadSanitizer.
 */
#include "bench.h"

#include <gst/video/video.h>
#include <string.h>

#if BENCH_TSAN
/* A state that is changed on the streaming thread makes GStreamer take its
 * locks of states and streams in both orders. */
const char *__tsan_default_options (void);

__attribute__ ((visibility ("default"))) const char *
__tsan_default_options (void)
{
  return "detect_deadlocks=0";
}
#endif

#define WAIT "wait"
#define DROP "drop"
/* The stream waits, and video leaves from the task of its pad. */
#define HOLD "hold"

typedef enum {
  ON_START,
  ON_CONTINUE,
  ON_COMPLETE,
  ON_LOAD_ERROR,
  ON_PARTIAL,
  ON_FINAL,
  ON_LOST,       /* WARNING of the model's thread */
  ON_DROPPED,    /* WARNING of the streaming thread */
  ON_UNREADABLE, /* WARNING of the streaming thread */
  ON_ERROR,      /* while loading */
  ON_BROKEN,     /* ERROR in the middle of an answer */
  ON_AGAIN,      /* WARNING when the device is lost */
  ON_BACK,       /* COMPLETE of the load after that */
  N_ON,
} On;

typedef enum { TO_NULL, TO_READY, DROP_LAST, TO_NULL_AND_PLAYING, N_DO } Do;

static const char *const on_names[] = { "start", "continue", "complete",
  "load-error", "partial", "final", "lost", "dropped", "unreadable", "error",
  "broken", "again", "back" };
static const char *const do_names[] = { "null", "ready", "unref", "restart" };

/* What the handler and the test share. */
typedef struct {
  GMutex lock;
  GCond cond;
  On on;
  Do todo;
  GstElement *element;
  gboolean done;  /* the handler came back */
  gboolean begun; /* it was called */
  gboolean gone;  /* the element is finalized */
  guint n_late;   /* messages about the model after it was stopped */
  guint n_answers;
} Play;

static gboolean
is_wanted (On on, GstMessage *message)
{
  const GstStructure *s = gst_message_get_structure (message);
  g_autoptr (GError) error = NULL;
  gboolean final = FALSE;
  GstProgressType type;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_PROGRESS:
      gst_message_parse_progress (message, &type, NULL, NULL);
      return (on == ON_START && type == GST_PROGRESS_TYPE_START)
             || (on == ON_CONTINUE && type == GST_PROGRESS_TYPE_CONTINUE)
             || (on == ON_COMPLETE && type == GST_PROGRESS_TYPE_COMPLETE)
             || (on == ON_BACK && type == GST_PROGRESS_TYPE_COMPLETE
                 && fake_n_calls (FAKE_LOAD) == 2)
             || (on == ON_LOAD_ERROR && type == GST_PROGRESS_TYPE_ERROR);
    case GST_MESSAGE_ELEMENT:
      gst_structure_get_boolean (s, "final", &final);
      return on == (final ? ON_FINAL : ON_PARTIAL);
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      return ((on == ON_LOST || on == ON_AGAIN)
                 && error->domain == GST_LIBRARY_ERROR)
             || (on == ON_DROPPED
                 && g_error_matches (
                     error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY))
             || (on == ON_UNREADABLE
                 && g_error_matches (
                     error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
    case GST_MESSAGE_ERROR:
      return on == ON_ERROR || on == ON_BROKEN;
    default:
      return FALSE;
  }
}

static void
act (Play *play)
{
  GstElement *element = play->element;

  switch (play->todo) {
    case TO_READY:
      gst_element_set_state (element, GST_STATE_READY);
      break;
    case TO_NULL_AND_PLAYING:
      gst_element_set_state (element, GST_STATE_NULL);
      gst_element_set_state (element, GST_STATE_PLAYING);
      break;
    default:
      gst_element_set_state (element, GST_STATE_NULL);
      break;
  }
  if (play->todo == DROP_LAST)
    gst_object_unref (element);
}

/* FALSE if the handler has acted. Messages come meanwhile. */
static gboolean
begin (Play *play)
{
  gboolean begins;

  g_mutex_lock (&play->lock);
  begins = !play->begun;
  play->begun = TRUE;
  g_mutex_unlock (&play->lock);
  return begins;
}

static GstBusSyncReply
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Play *play = user_data;
  const GstMessageType told = GST_MESSAGE_TYPE (message)
                              & (GST_MESSAGE_PROGRESS | GST_MESSAGE_ELEMENT
                                  | GST_MESSAGE_WARNING | GST_MESSAGE_ERROR);
  gboolean wanted;

  g_mutex_lock (&play->lock);
  wanted = !play->begun && is_wanted (play->on, message);
  if (wanted)
    play->begun = TRUE;
  play->n_late += play->done && told && play->todo != TO_NULL_AND_PLAYING;
  play->n_answers += gst_message_has_name (message, "owl2-answer");
  g_cond_broadcast (&play->cond);
  g_mutex_unlock (&play->lock);

  if (wanted) {
    act (play);
    g_mutex_lock (&play->lock);
    play->done = TRUE;
    g_cond_broadcast (&play->cond);
    g_mutex_unlock (&play->lock);
  }
  gst_message_unref (message);
  return GST_BUS_DROP;
}

static void
on_gone (gpointer user_data, GObject *object)
{
  Play *play = user_data;

  g_mutex_lock (&play->lock);
  play->gone = TRUE;
  g_cond_broadcast (&play->cond);
  g_mutex_unlock (&play->lock);
}

/* ---- the stream ---------------------------------------------------------- */

static GstFlowReturn
swallow (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

typedef struct {
  GstPad *src, *sink;
  gboolean lie;
} Stream;

static void
stream_init (Stream *stream, GstElement *element, gboolean lie)
{
  g_autoptr (GstPad) in = gst_element_get_static_pad (element, "sink");
  g_autoptr (GstPad) out = gst_element_get_static_pad (element, "src");
  g_autoptr (GstCaps) caps = gst_caps_from_string (BENCH_CAPS);
  GstSegment segment;

  stream->lie = lie;
  stream->src = gst_pad_new ("out", GST_PAD_SRC);
  stream->sink = gst_pad_new ("in", GST_PAD_SINK);
  gst_pad_set_chain_function (stream->sink, swallow);
  gst_pad_set_active (stream->src, TRUE);
  gst_pad_set_active (stream->sink, TRUE);
  gst_pad_link (stream->src, in);
  gst_pad_link (out, stream->sink);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (stream->src, gst_event_new_stream_start ("test"));
  gst_pad_push_event (stream->src, gst_event_new_caps (caps));
  gst_pad_push_event (stream->src, gst_event_new_segment (&segment));
}

static void
stream_clear (Stream *stream)
{
  gst_pad_set_active (stream->src, FALSE);
  gst_pad_set_active (stream->sink, FALSE);
  gst_object_unref (stream->src);
  gst_object_unref (stream->sink);
}

static GstFlowReturn
stream_push (Stream *stream, guint i)
{
  GstBuffer *buffer = bench_buffer (i);

  if (stream->lie) {
    gsize offset[GST_VIDEO_MAX_PLANES] = { 1 << 20 };
    gint stride[GST_VIDEO_MAX_PLANES] = { 24 };

    gst_buffer_add_video_meta_full (
        buffer, 0, GST_VIDEO_FORMAT_RGB, 8, 6, 1, offset, stride);
  }
  return gst_pad_push (stream->src, buffer);
}

static gpointer
push_some (gpointer data)
{
  for (guint i = 0; i < 5; i++)
    if (stream_push (data, i) != GST_FLOW_OK)
      break;
  return NULL;
}

/* ---- one play ------------------------------------------------------------ */

static void
prepare (Play *play, On on)
{
  switch (on) {
    case ON_LOAD_ERROR:
    case ON_ERROR:
      fake_fail (FAKE_LOAD, 1, OWL2_ERROR_BAD_FILE);
      break;
    case ON_LOST:
      fake_fail (FAKE_GENERATE, 1, OWL2_ERROR_FAILED);
      break;
    case ON_BROKEN:
      fake_fail (FAKE_GENERATE, 1, OWL2_ERROR_BAD_FILE);
      break;
    case ON_AGAIN:
    case ON_BACK:
      fake_fail (FAKE_ENCODE, 1, OWL2_ERROR_DEVICE_LOST);
      break;
    case ON_DROPPED:
      fake_set_gate (FAKE_GENERATE, TRUE);
      break;
    default:
      break;
  }
}

static GstElement *
play_begin (Play *play, GstBus **bus, On on, Do todo, const char *busy)
{
  GstElement *element = bench_element (bus);

  memset (play, 0, sizeof (*play));
  g_mutex_init (&play->lock);
  g_cond_init (&play->cond);
  play->on = on;
  play->todo = todo;
  play->element = element;
  gst_bus_set_sync_handler (*bus, on_message, play, NULL);
  gst_util_set_object_arg (
      G_OBJECT (element), "when-busy", strcmp (busy, HOLD) == 0 ? WAIT : busy);
  if (strcmp (busy, HOLD) == 0)
    g_object_set (element, "max-queue-time", 2 * GST_SECOND, NULL);
  g_object_set (
      element, "interval", BENCH_STEP, "partial", on == ON_PARTIAL, NULL);
  g_object_weak_ref (G_OBJECT (element), on_gone, play);
  prepare (play, on);
  return element;
}

static void
play_end (Play *play, GstBus *bus)
{
  WAIT_FOR (play, play->gone);
  fake_wait_gone ();
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_object_unref (bus);
  g_mutex_clear (&play->lock);
  g_cond_clear (&play->cond);
  fake_reset ();
}

/* An answer to the next picture, whatever came before. */
static void
expect_answer (Play *play, GstElement *element, Stream *stream)
{
  gint64 end = g_get_monotonic_time () + BENCH_LIMIT_US;
  guint n;

  fake_set_gate (FAKE_GENERATE, FALSE);
  g_object_set (element, "when-busy", 1, NULL);
  stream->lie = FALSE;
  g_mutex_lock (&play->lock);
  n = play->n_answers;
  play->todo = TO_NULL_AND_PLAYING; /* messages are right again */
  g_mutex_unlock (&play->lock);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PLAYING), !=,
      GST_STATE_CHANGE_FAILURE);
  for (guint i = 10; g_get_monotonic_time () < end; i++) {
    gboolean come;

    g_assert_cmpint (stream_push (stream, i), ==, GST_FLOW_OK);
    g_mutex_lock (&play->lock);
    come = play->n_answers > n;
    g_mutex_unlock (&play->lock);
    if (come)
      return;
  }
  g_error ("no answer after the handler");
}

static void
run_play (On on, Do todo, const char *busy, gboolean preload)
{
  static const GstState states[] = { GST_STATE_NULL, GST_STATE_READY,
    GST_STATE_NULL, GST_STATE_PLAYING };
  GThread *pusher = NULL;
  GstElement *element;
  GstStateChangeReturn ret;
  Stream stream;
  GstBus *bus;
  Play play;

  g_test_message ("%s, %s, %s", on_names[on], do_names[todo], busy);
  element = play_begin (&play, &bus, on, todo, busy);
  g_object_set (element, "preload", preload, NULL);
  /* The handler may drop the last reference while this one is at work. */
  stream_init (&stream, element, on == ON_UNREADABLE);
  gst_object_ref (element);
  ret = gst_element_set_state (element, GST_STATE_PLAYING);
  gst_object_unref (element);
  if (ret != GST_STATE_CHANGE_FAILURE)
    pusher = g_thread_new ("push", push_some, &stream);
  WAIT_FOR (&play, play.done);
  if (pusher)
    g_thread_join (pusher);
  if (todo != DROP_LAST) {
    g_assert_cmpint (GST_STATE (element), ==, states[todo]);
    /* What the handler stopped is silent, but for a load that goes on, and
     * works again. */
    g_usleep (2000);
    if (!preload || todo != TO_READY)
      g_assert_cmpuint (play.n_late, ==, 0);
    expect_answer (&play, element, &stream);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_element_set_bus (element, NULL);
    gst_object_unref (element);
  }
  play_end (&play, bus);
  stream_clear (&stream);
}

static void
test_handler (gconstpointer data)
{
  const On on = GPOINTER_TO_UINT (data) / N_DO;
  const Do todo = GPOINTER_TO_UINT (data) % N_DO;
  const gboolean of_stream = on == ON_DROPPED;

  if (!of_stream) {
    run_play (on, todo, WAIT, FALSE);
    run_play (on, todo, HOLD, FALSE);
  }
  run_play (on, todo, DROP, FALSE);
}

/* The load begins on the way to READY. */
static void
test_preload (gconstpointer data)
{
  const On on = GPOINTER_TO_UINT (data) / N_DO;
  const Do todo = GPOINTER_TO_UINT (data) % N_DO;

  run_play (on, todo, WAIT, TRUE);
  run_play (on, todo, DROP, TRUE);
}

/* ---- others -------------------------------------------------------------- */

static GstBusSyncReply
on_canceled (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Play *play = user_data;
  GstProgressType type;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS) {
    gst_message_parse_progress (message, &type, NULL, NULL);
    g_mutex_lock (&play->lock);
    play->begun = TRUE;
    g_cond_broadcast (&play->cond);
    g_mutex_unlock (&play->lock);
    if (type == GST_PROGRESS_TYPE_CANCELED) {
      gst_element_set_state (play->element, GST_STATE_NULL);
      g_mutex_lock (&play->lock);
      play->done = TRUE;
      g_mutex_unlock (&play->lock);
    }
  }
  gst_message_unref (message);
  return GST_BUS_DROP;
}

/* Of a load that is cancelled by whoever takes the element down. */
static void
test_canceled (void)
{
  GstElement *element;
  GstBus *bus;
  Play play;

  element = play_begin (&play, &bus, N_ON, N_DO, WAIT);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_bus_set_sync_handler (bus, on_canceled, &play, NULL);
  fake_set_gate (FAKE_LOAD, TRUE);
  gst_element_set_state (element, GST_STATE_PLAYING);
  WAIT_FOR (&play, play.begun);
  gst_element_set_state (element, GST_STATE_READY);
  g_assert_true (play.done);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  play_end (&play, bus);
}

static GstPadProbeReturn
on_probe (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Play *play = user_data;

  if (begin (play)) {
    act (play);
    g_mutex_lock (&play->lock);
    play->done = TRUE;
    g_cond_broadcast (&play->cond);
    g_mutex_unlock (&play->lock);
  }
  return GST_PAD_PROBE_OK;
}

static void
check_probe (const char *name, const char *busy)
{
  for (guint todo = 0; todo < N_DO; todo++) {
    GstFlowReturn flow;
    GstElement *element;
    Stream stream;
    GstBus *bus;
    GstPad *pad;
    Play play;

    element = play_begin (&play, &bus, N_ON, todo, busy);
    stream_init (&stream, element, FALSE);
    pad = gst_element_get_static_pad (element, name);
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_probe, &play, NULL);
    gst_element_set_state (element, GST_STATE_PLAYING);
    flow = stream_push (&stream, 0);
    if (todo != TO_NULL_AND_PLAYING)
      g_assert_true (flow == GST_FLOW_FLUSHING || flow == GST_FLOW_OK);
    WAIT_FOR (&play, play.done);
    gst_object_unref (pad);
    if (todo != DROP_LAST) {
      expect_answer (&play, element, &stream);
      gst_element_set_state (element, GST_STATE_NULL);
      gst_element_set_bus (element, NULL);
      gst_object_unref (element);
    }
    play_end (&play, bus);
    stream_clear (&stream);
  }
}

/* In a probe of either pad, on the streaming thread, or on the task that lets
 * go what was held. */
static void
test_probe (gconstpointer data)
{
  check_probe (data, WAIT);
  check_probe (data, HOLD);
}

/* In a probe of a request pad: of the texts of answers, or of questions. */
static void
test_text_probe (gconstpointer data)
{
  const char *name = data;
  const gboolean asks = strcmp (name, "question_sink") == 0;

  for (guint todo = 0; todo < N_DO; todo++) {
    g_autoptr (GstCaps) caps = gst_caps_from_string ("text/x-raw,format=utf8");
    GstPad *pad, *peer;
    GstElement *element;
    GstSegment segment;
    Stream stream;
    GstBus *bus;
    Play play;

    element = play_begin (&play, &bus, N_ON, todo, WAIT);
    stream_init (&stream, element, FALSE);
    pad = gst_element_request_pad_simple (element, name);
    peer = gst_pad_new ("text", asks ? GST_PAD_SRC : GST_PAD_SINK);
    if (!asks)
      gst_pad_set_chain_function (peer, swallow);
    gst_pad_set_active (peer, TRUE);
    gst_pad_link (asks ? peer : pad, asks ? pad : peer);
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_probe, &play, NULL);
    gst_element_set_state (element, GST_STATE_PLAYING);
    stream_push (&stream, 0);
    if (asks) {
      GstBuffer *question = gst_buffer_new_memdup ("Who?", 4);

      GST_BUFFER_PTS (question) = 0;
      gst_segment_init (&segment, GST_FORMAT_TIME);
      gst_pad_push_event (peer, gst_event_new_stream_start ("questions"));
      gst_pad_push_event (peer, gst_event_new_caps (caps));
      gst_pad_push_event (peer, gst_event_new_segment (&segment));
      gst_pad_push (peer, question);
    } else {
      stream_push (&stream, 1);
    }
    WAIT_FOR (&play, play.done);
    if (todo != DROP_LAST) {
      gst_element_set_state (element, GST_STATE_NULL);
      gst_element_set_bus (element, NULL);
      gst_object_unref (element);
    }
    gst_object_unref (pad);
    gst_pad_set_active (peer, FALSE);
    gst_object_unref (peer);
    play_end (&play, bus);
    stream_clear (&stream);
  }
}

static void
on_notify (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  Play *play = user_data;

  if (begin (play))
    act (play);
}

/* In a handler of a change of a property. */
static void
test_notify (void)
{
  for (guint todo = 0; todo < N_DO; todo++) {
    GstElement *element;
    Stream stream;
    GstBus *bus;
    Play play;

    element = play_begin (&play, &bus, N_ON, todo, WAIT);
    stream_init (&stream, element, FALSE);
    gst_element_set_state (element, GST_STATE_PLAYING);
    g_signal_connect (element, "notify::prompt", G_CALLBACK (on_notify), &play);
    g_object_set (element, "prompt", "What now?", NULL);
    g_assert_true (play.begun);
    if (todo != DROP_LAST) {
      expect_answer (&play, element, &stream);
      gst_element_set_state (element, GST_STATE_NULL);
      gst_element_set_bus (element, NULL);
      gst_object_unref (element);
    }
    play_end (&play, bus);
    stream_clear (&stream);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/handler/canceled", test_canceled);
  g_test_add_data_func ("/handler/probe/sink", "sink", test_probe);
  g_test_add_data_func ("/handler/probe/src", "src", test_probe);
  g_test_add_data_func ("/handler/probe/text", "text_src", test_text_probe);
  g_test_add_data_func (
      "/handler/probe/question", "question_sink", test_text_probe);
  g_test_add_func ("/handler/notify", test_notify);

  for (guint on = 0; on < N_ON; on++)
    for (guint todo = 0; todo < N_DO; todo++) {
      g_autofree char *path =
          g_strdup_printf ("/handler/%s/%s", on_names[on], do_names[todo]);

      g_autofree char *loading = g_strdup_printf (
          "/handler/preload/%s/%s", on_names[on], do_names[todo]);

      g_test_add_data_func (
          path, GUINT_TO_POINTER (on * N_DO + todo), test_handler);
      if (on != ON_DROPPED)
        g_test_add_data_func (
            loading, GUINT_TO_POINTER (on * N_DO + todo), test_preload);
    }
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
