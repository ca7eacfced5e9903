/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flushes and state changes at every bad moment: nothing hangs, nothing stays.
 * Also run under ThreadSanitizer. */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "live.h"

#define DROP 2
#define WAIT 1

/* ---- flush ------------------------------------------------------------- */

/* The streaming thread waits for an answer and a flush lets it go; afterwards
 * all is as in the beginning. */
static void
check_flush_wait (FakeCall where)
{
  Bench *b = bench_new (FALSE, "interval", 500 * MS, NULL);
  BenchCall *call;
  GstBuffer *buffer;
  g_autoptr (GstStructure) s = NULL;
  g_autofree char *times = NULL;

  bench_push_range (b, 0, 5);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  fake_set_gate (where, TRUE);
  call = bench_push_async (b, 5);
  fake_wait_calls (where, 2);
  bench_flush_start (b);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_FLUSHING);
  g_assert_cmpint (bench_push (b, 6), ==, GST_FLOW_FLUSHING);
  fake_set_gate (where, FALSE);
  bench_drain (b);
  bench_flush_stop (b);

  /* A new grid from the next frame, no answer of before on it. */
  fake_set_gate (FAKE_GENERATE, TRUE);
  call = bench_push_async (b, 12);
  fake_wait_calls (FAKE_GENERATE, where == FAKE_GENERATE ? 3 : 2);
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  s = bench_answer (b, 0);
  times = structure_times (s);
  g_assert_cmpstr (times, ==, "1200");
  g_assert_cmpuint (bench_n_answers (b), ==, 0);
  buffer = bench_pull (b);
  g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, 12);
  gst_buffer_unref (buffer);
  g_assert_cmpuint (fake_n_cancelled (), ==, 1);
  bench_end (b);
}

static void
test_flush_wait (void)
{
  check_flush_wait (FAKE_GENERATE);
  check_flush_wait (FAKE_ENCODE);
}

/* An engine that takes its time over a cancel: the flush does not wait for it,
 * and its late answer is not told. */
static void
test_flush_slow_cancel (void)
{
  Bench *b = bench_new (TRUE, NULL);
  g_autoptr (GstStructure) s = NULL;
  g_autofree char *times = NULL;
  GstBuffer *buffer;

  fake_ignore_cancel (TRUE);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 1);
  fake_wait_calls (FAKE_GENERATE, 1);
  bench_flush_start (b);
  bench_flush_stop (b);
  g_assert_cmpuint (fake_n_cancelled (), ==, 0);
  bench_drain (b);
  bench_push_range (b, 7, 8);
  buffer = bench_pull (b);
  g_assert_null (gst_owl2_meta_get (buffer));
  gst_buffer_unref (buffer);
  fake_ignore_cancel (FALSE);
  fake_set_gate (FAKE_GENERATE, FALSE);
  s = bench_answer (b, 20 * GST_SECOND);
  times = structure_times (s);
  g_assert_cmpstr (times, ==, "700");
  g_assert_cmpuint (fake_n_cancelled (), ==, 1);
  bench_end (b);
}

/* After a flush, buffers carry no answer of before. */
static void
test_flush_forgets (void)
{
  Bench *b = bench_new (FALSE, "interval", 10 * GST_SECOND, NULL);
  GstBuffer *buffer;

  bench_push_range (b, 0, 1);
  buffer = bench_pull (b);
  g_assert_nonnull (gst_owl2_meta_get (buffer));
  gst_buffer_unref (buffer);
  bench_flush_start (b);
  bench_flush_stop (b);
  fake_fail (FAKE_GENERATE, 1, OWL2_ERROR_BAD_REQUEST);
  bench_push_range (b, 1, 2);
  buffer = bench_pull (b);
  g_assert_null (gst_owl2_meta_get (buffer));
  gst_buffer_unref (buffer);
  bench_end (b);
}

/* A flush while EOS waits: the end is not told. */
static void
test_flush_eos (void)
{
  Bench *b = bench_new (TRUE, "trigger", 1, NULL);
  BenchCall *call;

  bench_push_range (b, 0, 3);
  fake_set_gate (FAKE_GENERATE, TRUE);
  call = bench_eos_async (b);
  fake_wait_calls (FAKE_GENERATE, 1);
  bench_flush_start (b);
  g_assert_false (bench_call_finish (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_flush_stop (b);
  g_assert_cmpuint (bench_n_events (b, GST_EVENT_EOS), ==, 0);
  g_assert_cmpuint (bench_n_answers (b), ==, 0);
  bench_push_range (b, 3, 4);
  bench_eos (b);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  bench_end (b);
}

/* ---- states ------------------------------------------------------------ */

static void
check_stop_while (Bench *b, BenchCall *call)
{
  gint64 start = g_get_monotonic_time ();

  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_NULL), ==,
      GST_STATE_CHANGE_SUCCESS);
  g_assert_cmpint (bench_call_finish (call), !=, GST_FLOW_OK);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
  fake_set_gate (FAKE_GENERATE, FALSE);
  fake_set_gate (FAKE_ENCODE, FALSE);
  fake_set_gate (FAKE_LOAD, FALSE);
  bench_end (b);
}

static void
test_stop_while_waiting (gconstpointer data)
{
  const FakeCall where = GPOINTER_TO_UINT (data);
  Bench *b = bench_new (FALSE, NULL);
  BenchCall *call;

  fake_set_gate (where, TRUE);
  call = bench_push_async (b, 0);
  fake_wait_calls (where, 1);
  check_stop_while (b, call);
}

static void
test_stop_while_loading (void)
{
  Bench *b;
  BenchCall *call;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (FALSE, NULL);
  call = bench_push_async (b, 0);
  g_usleep (10000);
  check_stop_while (b, call);
}

static void
test_stop_while_draining (void)
{
  Bench *b = bench_new (TRUE, NULL);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 12);
  call = bench_eos_async (b);
  fake_wait_calls (FAKE_GENERATE, 1);
  g_usleep (10000);
  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_NULL), ==,
      GST_STATE_CHANGE_SUCCESS);
  g_assert_false (bench_call_finish (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_end (b);
}

/* The stream does not hold up the state change while the model loads, and the
 * messages say how the load ended. */
static void
test_load_in_background (void)
{
  Bench *b;
  gint64 start = g_get_monotonic_time ();
  static const GstProgressType types[] = { GST_PROGRESS_TYPE_START,
    GST_PROGRESS_TYPE_CONTINUE, GST_PROGRESS_TYPE_COMPLETE };
  guint stage = 0;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (TRUE, NULL);
  g_test_message (
      "start took %" G_GINT64_FORMAT " us", g_get_monotonic_time () - start);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_USEC_PER_SEC);
  g_assert_cmpint (GST_STATE (b->element), ==, GST_STATE_PLAYING);
  fake_set_gate (FAKE_LOAD, FALSE);
  while (stage < G_N_ELEMENTS (types)) {
    g_autoptr (GstMessage) message = bench_message (b, GST_MESSAGE_PROGRESS);
    g_autofree char *code = NULL, *text = NULL;
    GstProgressType type;

    gst_message_parse_progress (message, &type, &code, &text);
    g_assert_cmpstr (code, ==, "owl2-load");
    if (type != types[stage])
      g_assert_cmpint (type, ==, types[++stage]);
    if (type == GST_PROGRESS_TYPE_COMPLETE)
      break;
  }
  bench_end (b);
}

static void
test_load_cancelled (void)
{
  GstProgressType type = GST_PROGRESS_TYPE_START;
  Bench *b;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (TRUE, NULL);
  gst_message_unref (bench_message (b, GST_MESSAGE_PROGRESS));
  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_SUCCESS);
  do {
    g_autoptr (GstMessage) message =
        bench_message (b, GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR);

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_PROGRESS);
    gst_message_parse_progress (message, &type, NULL, NULL);
  } while (type != GST_PROGRESS_TYPE_CANCELED);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_ERROR), ==, 0);
  fake_set_gate (FAKE_LOAD, FALSE);
  bench_end (b);
}

/* The last reference goes without a state change: GStreamer complains and leaks
 * the pads, so it is done in a process of its own, but the thread still ends.
 */
static void
test_dispose_while_paused (void)
{
  GstBus *bus;
  GstElement *element;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed ();
    g_test_trap_assert_stderr ("*Trying to dispose element*");
    g_test_trap_assert_stderr ("*the end*");
    return;
  }
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  element = bench_element (&bus);
  fake_set_gate (FAKE_LOAD, TRUE);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_bus_set_flushing (bus, TRUE); /* its messages hold references */
  while (GST_OBJECT_REFCOUNT_VALUE (element) > 1) /* so do those being posted */
    g_usleep (1000);
  gst_object_unref (element);
  gst_object_unref (bus);
  fake_set_gate (FAKE_LOAD, FALSE);
  fake_reset ();
  fputs ("the end\n", stderr);
  _exit (0);
}

/* ---- again and again --------------------------------------------------- */

/* Up to PLAYING and back, with frames, answers, waiting and dropped clips in
 * between. */
static void
play_cycle (Bench *b, guint cycle)
{
  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_PLAYING), ==,
      GST_STATE_CHANGE_SUCCESS);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("cycle")));
  gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
  bench_new_segment (b);
  fake_set_gate (FAKE_GENERATE, cycle % 3 == 0);
  bench_push_range (b, 0, 30);
  if (cycle % 3)
    bench_eos (b);
  bench_drain (b);
  bench_n_messages (b, GST_MESSAGE_ANY);
  while (bench_n_events (b, GST_EVENT_EOS))
    ;
  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_SUCCESS);
  /* Else the next one may still find the model. */
  fake_wait_gone ();
  g_assert_cmpuint (fake_n_features (NULL), ==, 0);
}

/* @lose_bytes: a block of this many bytes, or up to twice as many, is lost in
 * each round; 0: none. Three cycles are a round, as they differ. */
static void
check_cycles (gsize lose_bytes)
{
  Bench *b = bench_new (TRUE, "interval", 300 * MS, "frames", 2, NULL);
  const guint rounds = 10;

  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_SUCCESS);
  fake_wait_gone ();
  live_reset ();
  for (guint i = 0; i < 3 * rounds; i++) {
    if (i % 3 == 0 && lose_bytes)
      live_lose_block (lose_bytes, 2 * lose_bytes);
    play_cycle (b, i);
    /* What the engine of the test remembers of its calls grows. */
    fake_forget ();
    if (i % 3 == 2 && i > 6)
      live_sample ();
  }
  fake_set_gate (FAKE_GENERATE, FALSE);
  /* Those that are stopped before the load has begun need none. */
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), >=, 2 * rounds);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), <=, 1 + 3 * rounds);
  bench_end (b);
}

/* Up to PLAYING and back, with frames, answers, waiting and dropped clips in
 * between. */
static void
test_cycles (void)
{
  check_cycles (0);
  live_assert_steady (BENCH_FRAME_BYTES);
}

static void
test_cycles_lost (void)
{
  if (!live_has (LIVE_BLOCKS)) {
    g_test_skip ("the sanitizer has a malloc() of its own");
    return;
  }
  check_cycles (BENCH_FRAME_BYTES);
  g_assert_true (live_grows (LIVE_BLOCKS, 0));
  g_assert_true (live_grows (LIVE_BYTES, BENCH_FRAME_BYTES));
}

/* What comes in the moment in which a stop has reached the pad of the source
 * alone is refused as in a flush: nobody is told of an error. */
static void
test_half_stopped (void)
{
  Bench *b = bench_new (FALSE, NULL);
  g_autoptr (GstPad) src = gst_element_get_static_pad (b->element, "src");
  g_autoptr (GstCaps) caps = gst_caps_from_string (
      "video/x-raw,format=RGB,width=8,height=6,framerate=5/1");
  g_autoptr (GstCaps) other = gst_caps_new_empty_simple ("text/plain");

  bench_push (b, 0);
  gst_pad_set_active (src, FALSE);
  gst_pad_push_event (b->h->srcpad, gst_event_new_caps (caps));
  g_assert_cmpint (bench_push (b, 1), ==, GST_FLOW_FLUSHING);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_ERROR), ==, 0);
  bench_end (b);

  /* What is no raw video is still refused for what it is. */
  b = bench_new (FALSE, NULL);
  gst_pad_push_event (b->h->srcpad, gst_event_new_caps (other));
  g_assert_cmpint (bench_push (b, 0), ==, GST_FLOW_NOT_NEGOTIATED);
  bench_end (b);
}

/* A whole pipeline with seeks, pauses and stops at random moments. */
static void
test_random_moments (void)
{
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (
      "videotestsrc name=src ! "
      "video/x-raw,width=16,height=16,framerate=100/1 ! "
      "owl2 name=owl interval=30000000 frames=2 ! fakesink name=sink",
      &error);
  g_autoptr (GstElement) owl = NULL;
  g_autoptr (GstBus) bus = NULL;

  g_assert_no_error (error);
  owl = gst_bin_get_by_name (GST_BIN (pipeline), "owl");
  bus = gst_element_get_bus (pipeline);
  fake_set_delay (FAKE_ENCODE, 300);
  fake_set_delay (FAKE_DISTANCE, 300);
  fake_set_delay (FAKE_GENERATE, 300);
  fake_set_delay (FAKE_LOAD, 5000);
  for (guint i = 0; i < 300; i++) {
    switch (g_test_rand_int_range (0, 7)) {
      case 0:
        gst_element_set_state (pipeline, GST_STATE_PAUSED);
        break;
      case 1:
        if (g_test_rand_int_range (0, 4) == 0)
          gst_element_set_state (pipeline, GST_STATE_READY);
        break;
      case 2:
        gst_element_seek (pipeline, g_test_rand_bit () ? 1. : -1.,
            GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
            g_test_rand_int_range (0, 1000) * MS, GST_SEEK_TYPE_SET,
            g_test_rand_int_range (1000, 5000) * MS);
        break;
      case 3:
        g_object_set (owl, "trigger", g_test_rand_int_range (0, 4), "when-busy",
            g_test_rand_int_range (0, 3), "frames",
            g_test_rand_int_range (1, 5), "partial", g_test_rand_bit (), NULL);
        break;
      case 4:
        g_object_set (owl, "interval", g_test_rand_int_range (1, 100) * MS,
            "span", g_test_rand_int_range (0, 200) * MS, "min-interval",
            g_test_rand_int_range (1, 200) * MS, "max-interval",
            g_test_rand_int_range (0, 400) * MS, NULL);
        break;
      default:
        gst_element_set_state (pipeline, GST_STATE_PLAYING);
        break;
    }
    g_usleep ((gulong) g_test_rand_int_range (0, 4000));
    for (GstMessage *m; (m = gst_bus_pop (bus)); gst_message_unref (m))
      g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
  }
  /* How much of that was answered depends on the machine; it still answers. */
  g_object_set (owl, "trigger", 0, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  g_assert_true (gst_element_seek (pipeline, 1., GST_FORMAT_TIME,
      GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, -1));
  fake_wait_calls (FAKE_GENERATE, fake_n_calls (FAKE_GENERATE) + 5);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_NULL), ==,
      GST_STATE_CHANGE_SUCCESS);
  g_clear_object (&owl);
  gst_object_unref (pipeline);
  g_test_message ("%u loads, %u answers, %u cancelled",
      fake_n_calls (FAKE_LOAD), fake_n_calls (FAKE_GENERATE),
      fake_n_cancelled ());
  fake_reset ();
}

static void
add_tests (void)
{
  g_test_add_func ("/states/flush/wait", test_flush_wait);
  g_test_add_func ("/states/flush/slow-cancel", test_flush_slow_cancel);
  g_test_add_func ("/states/flush/forgets", test_flush_forgets);
  g_test_add_func ("/states/flush/eos", test_flush_eos);
  g_test_add_data_func ("/states/stop/generating",
      GUINT_TO_POINTER (FAKE_GENERATE), test_stop_while_waiting);
  g_test_add_data_func ("/states/stop/encoding", GUINT_TO_POINTER (FAKE_ENCODE),
      test_stop_while_waiting);
  g_test_add_func ("/states/stop/loading", test_stop_while_loading);
  g_test_add_func ("/states/stop/draining", test_stop_while_draining);
  g_test_add_func ("/states/load/background", test_load_in_background);
  g_test_add_func ("/states/load/cancelled", test_load_cancelled);
  g_test_add_func ("/states/dispose", test_dispose_while_paused);
  g_test_add_func ("/states/cycles", test_cycles);
  g_test_add_func ("/states/cycles-lost", test_cycles_lost);
  g_test_add_func ("/states/half-stopped", test_half_stopped);
  if (!BENCH_TSAN)
    g_test_add_func ("/states/random-moments", test_random_moments);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
