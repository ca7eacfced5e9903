/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video that is held while its answer is made: what leaves when, with what, and
 * how much is held. Also run under ThreadSanitizer. */
#include "bench.h"
#include "gstowl2hold.h"

#include <string.h>

#define WAIT 1
#define DROP 2

/* Time in which what must not happen would have happened. */
#define MOMENT_US 20000

static void
expect_nothing (Bench *b)
{
  g_usleep (MOMENT_US);
  g_assert_cmpuint (gst_harness_buffers_in_queue (b->h), ==, 0);
}

/* Upstream goes on while an answer is made; each frame leaves in order, with
 * the answer of its place, also where later answers are there already. */
static void
test_places (void)
{
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
  GstStructure *s;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 8);
  bench_expect_frames (b, 0, 1, 0);
  expect_nothing (b);
  /* Downstream is slow: all is answered before anything leaves. */
  fake_set_gate (FAKE_GENERATE, FALSE);
  for (guint i = 0; i < 4; i++) {
    s = bench_answer (b, 20 * GST_SECOND);
    g_assert_nonnull (s);
    gst_structure_free (s);
  }
  for (guint clip = 1; clip < 4; clip++)
    bench_expect_frames (b, 2 * clip - 1, 2 * clip + 1, clip);
  bench_expect_frames (b, 7, 8, 4);
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 0);
  bench_end (b);
}

/* Upstream waits when so much video is held, and no sooner. */
static void
test_time_limit (void)
{
  Bench *b = bench_new_held (FALSE, 500 * MS, 1 << 20);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 6); /* 1 to 5 are held */
  call = bench_push_async (b, 6);
  g_usleep (MOMENT_US);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "frames-seen"), ==, 7);
  bench_end (b);
}

static void
test_bytes_limit (void)
{
  Bench *b = bench_new_held (FALSE, 100 * GST_SECOND, 3 * BENCH_SIZE);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 4);
  call = bench_push_async (b, 4);
  g_usleep (MOMENT_US);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_end (b);
}

/* One buffer is always taken, however big and long; here each one goes through
 * alone. */
static void
test_one_at_least (void)
{
  Bench *b = bench_new_held (FALSE, 1, 1);

  bench_push_range (b, 0, 6);
  bench_eos (b);
  bench_expect_frames (b, 0, 1, 0);
  bench_expect_frames (b, 1, 3, 1);
  bench_expect_frames (b, 3, 5, 2);
  bench_expect_frames (b, 5, 6, 3);
  bench_end (b);
}

static gpointer
flush_later (gpointer data)
{
  g_usleep (MOMENT_US);
  bench_flush_start (data);
  return NULL;
}

/* Time that passes without video counts, too. */
static void
test_gap_limit (void)
{
  Bench *b = bench_new_held (FALSE, 500 * MS, 1 << 20);
  GThread *thread;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 2);
  for (guint i = 2; i < 6; i++)
    g_assert_true (gst_harness_push_event (
        b->h, gst_event_new_gap (i * BENCH_STEP, BENCH_STEP)));
  /* Only a flush lets the next one come back. */
  thread = g_thread_new ("flush", flush_later, b);
  g_assert_false (gst_harness_push_event (
      b->h, gst_event_new_gap (6 * BENCH_STEP, BENCH_STEP)));
  g_thread_join (thread);
  bench_flush_stop (b);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_end (b);
}

/* Clips that wait for their answers are bounded, whatever the video is. */
static void
test_clip_limit (void)
{
  Bench *b = bench_new (FALSE, "when-busy", WAIT, "interval", (guint64) 1,
      "max-queue-time", 1000 * GST_SECOND, NULL);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, GST_OWL2_MAX_HELD_CLIPS);
  call = bench_push_async (b, GST_OWL2_MAX_HELD_CLIPS);
  g_usleep (MOMENT_US);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_eos (b);
  for (guint i = 0; i <= GST_OWL2_MAX_HELD_CLIPS; i++)
    bench_expect_frames (b, i, i + 1, i + 1);
  bench_end (b);
}

static GstEvent *
tag_event (const char *title)
{
  return gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, title, NULL));
}

/* What has left, by letters: s c g for stream start, caps, segment; b for
 * buffers, t for tags, p for gaps, e for the end. */
typedef struct {
  GMutex lock;
  GString *seen;
} Seen;

static GstPadProbeReturn
on_left (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Seen *seen = user_data;
  char c = 'b';

  if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM)
    switch (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))) {
      case GST_EVENT_CAPS:
        c = 'c';
        break;
      case GST_EVENT_SEGMENT:
        c = 'g';
        break;
      case GST_EVENT_TAG:
        c = 't';
        break;
      case GST_EVENT_GAP:
        c = 'p';
        break;
      case GST_EVENT_EOS:
        c = 'e';
        break;
      default:
        c = '?';
        break;
    }
  g_mutex_lock (&seen->lock);
  g_string_append_c (seen->seen, c);
  g_mutex_unlock (&seen->lock);
  return GST_PAD_PROBE_OK;
}

static void
seen_watch (Seen *seen, Bench *b)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (b->element, "src");

  g_mutex_init (&seen->lock);
  seen->seen = g_string_new (NULL);
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_left,
      seen, NULL);
}

static void
seen_expect (Seen *seen, const char *wanted)
{
  for (guint ms = 0;; ms++) {
    gboolean same;

    g_mutex_lock (&seen->lock);
    same = strcmp (seen->seen->str, wanted) == 0;
    if (!same && ms == 20000)
      g_error ("%s left, not %s", seen->seen->str, wanted);
    g_mutex_unlock (&seen->lock);
    if (same)
      return;
    g_usleep (1000);
  }
}

static void
seen_clear (Seen *seen)
{
  g_string_free (seen->seen, TRUE);
  g_mutex_clear (&seen->lock);
}

/* Events keep their places among the buffers, and the end comes last. */
static void
test_events (void)
{
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
  GstCaps *caps = gst_caps_from_string (
      "video/x-raw,format=RGB,width=8,height=6,framerate=20/1");
  Seen seen;

  bench_push (b, 0);
  bench_expect_frames (b, 0, 1, 0);
  seen_watch (&seen, b);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 1);
  gst_harness_push_event (b->h, tag_event ("one"));
  bench_push (b, 2);
  gst_harness_push_event (b->h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
  bench_push (b, 3);
  bench_new_segment (b);
  gst_harness_push_event (b->h, gst_event_new_gap (4 * BENCH_STEP, BENCH_STEP));
  bench_push (b, 5);
  bench_eos (b); /* at once */
  g_usleep (MOMENT_US);
  seen_expect (&seen, "");
  fake_set_gate (FAKE_GENERATE, FALSE);
  seen_expect (&seen, "btbcbgpbe");
  bench_end (b);
  seen_clear (&seen);
}

/* A flush drops what is held, and lets go who waits; what nobody sends again
 * stays. */
static void
test_flush (void)
{
  Bench *b = bench_new_held (FALSE, 500 * MS, 1 << 20);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (b->element, "src");
  g_autoptr (GstEvent) tag = NULL;
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 2);
  gst_harness_push_event (b->h, tag_event ("held"));
  bench_push_range (b, 2, 6);
  call = bench_push_async (b, 6);
  g_usleep (MOMENT_US);
  g_assert_false (bench_call_is_done (call));
  bench_flush_start (b);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_FLUSHING);
  bench_flush_stop (b);
  tag = gst_pad_get_sticky_event (pad, GST_EVENT_TAG, 0);
  g_assert_nonnull (tag);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_expect_frames (b, 0, 1, 0);
  bench_push_range (b, 10, 14);
  bench_eos (b);
  for (guint i = 10; i < 14; i++) {
    g_autoptr (GstBuffer) buffer = bench_pull (b);
    const GstStructure *meta = gst_owl2_meta_get (buffer);

    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    if (i == 10) {
      g_assert_null (meta); /* none of before */
    } else {
      g_autofree char *times = structure_times (meta);

      g_assert_cmpstr (times, ==, i < 13 ? "1000 1100" : "1200 1300");
    }
  }
  bench_end (b);
}

/* The element stops in the middle, and the next stream knows nothing of it. */
static void
test_stop (void)
{
  Bench *b = bench_new_held (FALSE, 500 * MS, 1 << 20);
  BenchCall *call;

  for (guint round = 0; round < 3; round++) {
    fake_set_gate (FAKE_GENERATE, TRUE);
    bench_push_range (b, 0, 6);
    call = bench_push_async (b, 6);
    gst_element_set_state (b->element, GST_STATE_READY);
    g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_FLUSHING);
    fake_set_gate (FAKE_GENERATE, FALSE);
    bench_drain (b);
    gst_element_set_state (b->element, GST_STATE_PLAYING);
    bench_new_segment (b);
  }
  bench_end (b);
}

/* What downstream says to what was held is told with the next buffer; after the
 * end there is none, so it is an error of the element. */
static void
test_flow (gconstpointer data)
{
  const gboolean at_end = GPOINTER_TO_INT (data);
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
  g_autoptr (GstPad) src = gst_element_get_static_pad (b->element, "src");
  g_autoptr (GstPad) sink = gst_pad_get_peer (src);
  GstFlowReturn flow = GST_FLOW_OK;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 4);
  bench_expect_frames (b, 0, 1, 0);
  if (at_end)
    bench_eos (b);
  gst_pad_unlink (src, sink);
  fake_set_gate (FAKE_GENERATE, FALSE);
  if (at_end) {
    g_autoptr (GstMessage) m = bench_message (b, GST_MESSAGE_ERROR);
    g_autoptr (GError) error = NULL;

    gst_message_parse_error (m, &error, NULL);
    g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
  } else {
    for (guint i = 4; i < 20000 && flow == GST_FLOW_OK; i++) {
      flow = bench_push (b, i);
      g_usleep (1000);
    }
    g_assert_cmpint (flow, ==, GST_FLOW_NOT_LINKED);
  }
  /* Linked again, it goes on. */
  g_assert_cmpint (gst_pad_link (src, sink), ==, GST_PAD_LINK_OK);
  if (!at_end) {
    /* What was on its way may have told meanwhile. */
    for (guint i = 0; i < 100 && bench_push (b, 30000) != GST_FLOW_OK; i++)
      g_usleep (1000);
    gst_buffer_unref (bench_pull (b));
  }
  bench_end (b);
}

/* A question's answer is on what leaves from then on, up to the next place. */
static void
test_question (void)
{
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
  guint64 id = 0;

  bench_push_range (b, 0, 3); /* the third begins the second clip */
  bench_expect_frames (b, 0, 1, 0);
  bench_expect_frames (b, 1, 3, 1);
  g_signal_emit_by_name (b->element, "ask", "What?", &id);
  g_assert_cmpuint (id, ==, 2);
  bench_wait_stat (b, "clips-answered", 2);
  g_usleep (MOMENT_US);
  bench_push_range (b, 3, 5);
  bench_expect_frames (b, 3, 5, 3);
  bench_end (b);
}

/* What is asked in order comes behind what is held. */
static gpointer
query_allocation (gpointer data)
{
  Bench *b = data;
  g_autoptr (GstCaps) caps = gst_caps_from_string (BENCH_CAPS);
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (b->element, "sink");

  gst_pad_query (pad, query);
  gst_query_unref (query);
  return GUINT_TO_POINTER (gst_harness_buffers_received (b->h));
}

static void
test_query (void)
{
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
  GThread *thread;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 4);
  thread = g_thread_new ("query", query_allocation, b);
  g_usleep (MOMENT_US);
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (thread)), ==, 4);
  bench_end (b);
}

/* A stream that waits no more: what is held leaves in its order. */
static void
test_change (void)
{
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 4);
  fake_wait_calls (FAKE_GENERATE, 1);
  g_object_set (b->element, "when-busy", DROP, NULL);
  bench_push_range (b, 4, 6);
  bench_expect_frames (b, 0, 1, 0);
  expect_nothing (b);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_expect_frames (b, 1, 2, 1);
  for (guint i = 2; i < 6; i++) {
    g_autoptr (GstBuffer) buffer = bench_pull (b);

    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
  }
  bench_end (b);
}

/* The task is told of as those of pads are; without waiting there is none. */
static void
test_task (void)
{
  static const guint modes[] = { WAIT, DROP };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
    guint n = 0;

    g_object_set (b->element, "when-busy", modes[i], NULL);
    bench_push_range (b, 0, 4);
    bench_eos (b);
    for (guint k = 0; k < 4; k++)
      gst_buffer_unref (bench_pull (b));
    n = bench_n_messages (b, GST_MESSAGE_STREAM_STATUS);
    g_assert_cmpuint (n, ==, modes[i] == WAIT ? 2 : 0);
    bench_end (b);
  }
}

/* ---- all at once -------------------------------------------------------- */

/* Seeks; ThreadSanitizer takes its time. */
#define N_FLUSHES (BENCH_TSAN ? 1000 : 10000)

typedef struct {
  Bench *b;
  gint over;   /* atomic */
  GMutex lock; /* of the streaming thread, as that of a demuxer */
} Storm;

static gpointer
storm_push (gpointer data)
{
  Storm *storm = data;

  for (guint i = 0; !g_atomic_int_get (&storm->over); i++) {
    g_mutex_lock (&storm->lock);
    bench_push (storm->b, i);
    if (i % 16 == 15)
      gst_harness_push_event (
          storm->b->h, gst_event_new_gap ((i + 1) * BENCH_STEP, BENCH_STEP));
    g_mutex_unlock (&storm->lock);
  }
  return NULL;
}

static gpointer
storm_change (gpointer data)
{
  Storm *storm = data;
  guint64 id;

  for (guint i = 0; !g_atomic_int_get (&storm->over); i++) {
    g_object_set (storm->b->element, "when-busy", i % 3, "max-queue-time",
        i % 5 * 100 * MS, "interval", (1 + i % 7) * 50 * MS, "frames",
        1 + i % 3, "history", i % 2, "text-time", i % 4, NULL);
    if (i % 8 == 0)
      g_signal_emit_by_name (storm->b->element, "ask", "What?", &id);
    if (i % 16 == 0)
      bench_n_messages (storm->b, GST_MESSAGE_ANY);
    bench_stat (storm->b, "clips-answered");
    bench_latency (storm->b, &id);
    g_usleep (50);
  }
  return NULL;
}

/* Ten thousand seeks in the middle of a stream whose properties change all the
 * time: it ends, and works. */
static void
test_storm (void)
{
  Storm storm = { .b = bench_new_held (FALSE, 500 * MS, 1 << 20) };
  GThread *push, *change;
  GstBuffer *buffer;

  g_mutex_init (&storm.lock);
  push = g_thread_new ("push", storm_push, &storm);
  change = g_thread_new ("change", storm_change, &storm);
  for (guint i = 0; i < N_FLUSHES; i++) {
    bench_flush_start (storm.b);
    g_mutex_lock (&storm.lock);
    bench_flush_stop (storm.b);
    g_mutex_unlock (&storm.lock);
    bench_drain (storm.b);
    while (bench_n_events (storm.b, GST_EVENT_FLUSH_STOP))
      ;
    if (i % 64 == 0)
      g_usleep (1000);
  }
  g_atomic_int_set (&storm.over, 1);
  g_thread_join (push);
  g_thread_join (change);
  g_object_set (storm.b->element, "when-busy", WAIT, "interval", 200 * MS,
      "frames", 2, "max-queue-time", 500 * MS, "text-time", 0, NULL);
  bench_flush_start (storm.b);
  bench_flush_stop (storm.b);
  bench_drain (storm.b);
  bench_push_range (storm.b, 0, 4);
  bench_eos (storm.b);
  for (guint i = 0; i < 4; i++) {
    buffer = bench_pull (storm.b);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    g_assert_true (!i == !gst_owl2_meta_get (buffer));
    gst_buffer_unref (buffer);
  }
  g_mutex_clear (&storm.lock);
  bench_end (storm.b);
}

static void
add_tests (void)
{
  g_test_add_func ("/hold/places", test_places);
  g_test_add_func ("/hold/limit/time", test_time_limit);
  g_test_add_func ("/hold/limit/bytes", test_bytes_limit);
  g_test_add_func ("/hold/limit/one", test_one_at_least);
  g_test_add_func ("/hold/limit/gap", test_gap_limit);
  g_test_add_func ("/hold/limit/clips", test_clip_limit);
  g_test_add_func ("/hold/events", test_events);
  g_test_add_func ("/hold/flush", test_flush);
  g_test_add_func ("/hold/stop", test_stop);
  g_test_add_data_func ("/hold/flow/next", GINT_TO_POINTER (FALSE), test_flow);
  g_test_add_data_func ("/hold/flow/end", GINT_TO_POINTER (TRUE), test_flow);
  g_test_add_func ("/hold/question", test_question);
  g_test_add_func ("/hold/query", test_query);
  g_test_add_func ("/hold/change", test_change);
  g_test_add_func ("/hold/task", test_task);
  g_test_add_func ("/hold/storm", test_storm);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
