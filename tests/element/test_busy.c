/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model slower than the stream: what waits, what is dropped, what the end of
 * the stream waits for. */
#include "bench.h"

#define DROP 2
#define WAIT 1

/* The end of a live stream waits for the clip in work only. */
static void
wait_answered (Bench *b, guint n)
{
  for (guint ms = 0; ms < 20000 && bench_stat (b, "clips-answered") < n; ms++)
    g_usleep (1000);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, n);
}

/* With an engine that never comes back, each push still returns: nothing in the
 * streaming thread waits for the worker. */
static void
test_drop_never_stalls (void)
{
  Bench *b = bench_new (TRUE, "interval", 100 * MS, NULL);
  gint64 longest = 0;

  fake_set_gate (FAKE_GENERATE, TRUE);
  for (guint i = 0; i < 100; i++) {
    gint64 start = g_get_monotonic_time ();

    bench_push_range (b, i, i + 1);
    longest = MAX (longest, g_get_monotonic_time () - start);
    g_assert_cmpuint (bench_drain (b), ==, 1);
    if (i == 0)
      fake_wait_calls (FAKE_GENERATE, 1);
  }
  g_test_message ("longest push: %" G_GINT64_FORMAT " us", longest);
  /* Far more than a push takes, far less than the engine, on a busy machine. */
  g_assert_cmpint (longest, <, G_USEC_PER_SEC);

  /* One is being answered, and of the others the newest waits. */
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 98);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 1);
  fake_set_gate (FAKE_GENERATE, FALSE);
  wait_answered (b, 2);
  bench_eos (b);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GstStructure) s = bench_answer (b, 0);
    g_autofree char *times = structure_times (s);

    g_assert_cmpuint (structure_uint64 (s, "id"), ==, i + 1);
    g_assert_cmpstr (times, ==, i ? "9900" : "0");
  }
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  bench_end (b);
}

/* Frames that belong to dropped clips only are not encoded, and their copies do
 * not pile up. */
static void
test_drop_frees_frames (void)
{
  Bench *b = bench_new (TRUE, "interval", 200 * MS, "frames", 2, NULL);
  guint peak;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 2);
  fake_wait_calls (FAKE_GENERATE, 1);
  bench_push_range (b, 2, 200);
  fake_set_gate (FAKE_GENERATE, FALSE);
  wait_answered (b, 2);
  bench_eos (b);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 4);
  g_assert_cmpuint (bench_stat (b, "frames-encoded"), ==, 4);
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, 200);
  fake_n_features (&peak);
  g_assert_cmpuint (peak, <=, 4);
  bench_end (b);
}

static void
test_drop_while_loading (void)
{
  Bench *b;
  g_autoptr (GstStructure) first = NULL;
  g_autofree char *times = NULL;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (TRUE, "interval", 100 * MS, NULL);
  bench_push_range (b, 0, 20);
  g_assert_cmpuint (bench_drain (b), ==, 20);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 18);
  fake_set_gate (FAKE_LOAD, FALSE);
  wait_answered (b, 2);
  bench_eos (b);
  first = bench_answer (b, 0);
  times = structure_times (first);
  g_assert_cmpstr (times, ==, "1800");
  bench_end (b);
}

/* In drop mode the answer comes to the buffers when it is there. */
static void
test_drop_meta (void)
{
  Bench *b = bench_new (TRUE, "interval", 500 * MS, NULL);
  GstBuffer *buffer;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 3);
  g_assert_cmpuint (bench_drain (b), ==, 3);
  fake_set_gate (FAKE_GENERATE, FALSE);
  gst_structure_free (bench_answer (b, 20 * GST_SECOND));
  /* The message is there a moment before the meta. */
  for (guint i = 3;; i++) {
    gboolean has_meta;

    g_assert_cmpuint (i, <, 1000);
    bench_push_range (b, i, i + 1);
    buffer = bench_pull (b);
    has_meta = gst_owl2_meta_get (buffer) != NULL;
    gst_buffer_unref (buffer);
    if (has_meta)
      break;
    g_usleep (1000);
  }
  bench_end (b);
}

static void
test_wait (void)
{
  Bench *b = bench_new (
      TRUE, "interval", 500 * MS, "frames", 2, "when-busy", WAIT, NULL);

  bench_wait_loaded (b);
  fake_set_delay (FAKE_ENCODE, 2000);
  fake_set_delay (FAKE_GENERATE, 2000);
  for (guint i = 0; i < 50; i++) {
    GstBuffer *buffer;
    const GstStructure *meta;

    bench_push_range (b, i, i + 1);
    buffer = bench_pull (b);
    meta = gst_owl2_meta_get (buffer);
    if (i < 2) {
      g_assert_null (meta);
    } else {
      /* From its own last frame, the third of five, up to the next one's. */
      guint clip = (i - 2) / 5;
      g_autofree char *times = structure_times (meta);
      g_autofree char *wanted =
          g_strdup_printf ("%u %u", clip * 500, clip * 500 + 200);

      g_assert_cmpuint (structure_uint64 (meta, "id"), ==, clip + 1);
      g_assert_cmpstr (times, ==, wanted);
      if (i % 5 == 2)
        g_assert_cmpuint (structure_uint64 (meta, "latency"), >=, 8 * MS);
    }
    gst_buffer_unref (buffer);
  }
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 10);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 0);
  bench_end (b);
}

/* The stream stops at the clip's last frame until the answer is there. */
static void
test_wait_blocks (void)
{
  Bench *b = bench_new (FALSE, NULL);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  call = bench_push_async (b, 0);
  fake_wait_calls (FAKE_GENERATE, 1);
  g_usleep (20000);
  g_assert_false (bench_call_is_done (call));
  g_assert_cmpuint (gst_harness_buffers_in_queue (b->h), ==, 0);
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  g_assert_cmpuint (bench_drain (b), ==, 1);
  bench_end (b);
}

static void
test_wait_for_load (void)
{
  Bench *b;
  BenchCall *call;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (FALSE, NULL);
  call = bench_push_async (b, 0);
  g_usleep (20000);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_LOAD, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 1);
  bench_end (b);
}

/* A camera does not stand still until a model is loaded. */
static void
test_live_load (void)
{
  Bench *b;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (TRUE, "when-busy", WAIT, "interval", 100 * MS, NULL);
  bench_push_range (b, 0, 10);
  g_assert_cmpuint (bench_drain (b), ==, 10);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 8);
  fake_set_gate (FAKE_LOAD, FALSE);
  bench_wait_loaded (b);
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 2);
  bench_end (b);
}

/* Frames are encoded while the stream goes on to the clip's last frame. */
static void
test_encode_as_they_arrive (void)
{
  Bench *b = bench_new (FALSE, "interval", 1 * GST_SECOND, "frames", 5, NULL);

  bench_push_range (b, 0, 7);
  fake_wait_calls (FAKE_ENCODE, 4);
  g_assert_cmpuint (fake_n_calls (FAKE_GENERATE), ==, 0);
  bench_push_range (b, 7, 9);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 5);
  g_assert_cmpuint (fake_n_calls (FAKE_GENERATE), ==, 1);
  bench_end (b);
}

/* A frame of several overlapping clips is encoded once. */
static void
test_reuse (void)
{
  Bench *b = bench_new (
      FALSE, "interval", 100 * MS, "span", 400 * MS, "frames", 4, NULL);

  bench_push_range (b, 0, 20);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 17);
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 20);
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, 20);
  g_assert_cmpuint (bench_stat (b, "frames-encoded"), ==, 20);
  g_assert_cmpuint (
      bench_stat (b, "frames-reused"), ==, 17 * 4 + 3 + 2 + 1 - 20);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 20);
  g_assert_cmpuint (fake_request (5).n_images, ==, 4);
  g_assert_cmpuint (fake_request (5).images[0], ==, 5);
  bench_end (b);
}

static void
test_auto (void)
{
  for (guint live = 0; live < 2; live++) {
    Bench *b = bench_new (live, NULL);
    BenchCall *call;

    fake_set_gate (FAKE_GENERATE, TRUE);
    call = bench_push_async (b, 0);
    fake_wait_calls (FAKE_GENERATE, 1);
    if (!live) {
      g_usleep (10000);
      g_assert_false (bench_call_is_done (call));
      fake_set_gate (FAKE_GENERATE, FALSE);
    }
    g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
    bench_end (b);
  }
}

/* ---- the end of the stream --------------------------------------------- */

/* EOS comes out after the last answer, of clips in work, waiting and partial;
 * on a live stream that drops after the one in work. */
static void
test_eos_drains (gconstpointer data)
{
  const gboolean live = GPOINTER_TO_INT (data);
  Bench *b = bench_new (live, "interval", 1 * GST_SECOND, "frames", 4, NULL);
  BenchCall *call;
  g_autoptr (GstStructure) first = NULL, second = NULL;
  g_autofree char *times = NULL;

  if (live)
    fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 13);
  fake_set_gate (FAKE_GENERATE, TRUE);
  call = bench_eos_async (b);
  fake_wait_calls (FAKE_GENERATE, live ? 1 : 2);
  g_usleep (20000);
  g_assert_false (bench_call_is_done (call));
  g_assert_cmpuint (bench_n_events (b, GST_EVENT_EOS), ==, 0);
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_true (bench_call_finish (call));
  g_assert_cmpuint (bench_n_events (b, GST_EVENT_EOS), ==, 1);

  first = bench_answer (b, 0);
  g_assert_nonnull (first);
  second = bench_answer (b, 0);
  if (live) {
    /* Only the one that was under way. */
    g_assert_null (second);
    g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 1);
    bench_end (b);
    return;
  }
  g_assert_nonnull (second);
  times = structure_times (second);
  g_assert_cmpstr (times, ==, "1000 1200");
  g_assert_cmpuint (structure_uint64 (second, "start"), ==, 1000 * MS);
  g_assert_cmpuint (structure_uint64 (second, "end"), ==, 1300 * MS);
  bench_end (b);
}

/* The end of a live stream waits no longer than it is told to. */
static void
test_eos_timeout (void)
{
  Bench *b = bench_new (TRUE, "eos-timeout", 50 * MS, NULL);
  const gint64 start = g_get_monotonic_time ();
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 0);
  fake_wait_calls (FAKE_GENERATE, 1);
  call = bench_eos_async (b);
  g_assert_true (bench_call_finish (call));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 50000);
  g_assert_cmpuint (bench_n_events (b, GST_EVENT_EOS), ==, 1);
  g_assert_cmpuint (bench_n_answers (b), ==, 0);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 1);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_end (b);
}

static void
test_eos_without_frames (void)
{
  Bench *b = bench_new (FALSE, "trigger", 1, NULL);

  bench_eos (b);
  g_assert_cmpuint (bench_n_events (b, GST_EVENT_EOS), ==, 1);
  g_assert_cmpuint (bench_n_answers (b), ==, 0);
  bench_end (b);
}

static void
test_eos_while_loading (void)
{
  Bench *b;
  BenchCall *call;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (TRUE, NULL);
  bench_push_range (b, 0, 1);
  call = bench_eos_async (b);
  g_usleep (20000);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_LOAD, FALSE);
  g_assert_true (bench_call_finish (call));
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  bench_end (b);
}

static void
check_eos_trigger (gboolean live, guint frames, guint64 span, guint n,
    const char *times, guint64 start)
{
  Bench *b =
      bench_new (live, "trigger", 1, "frames", frames, "span", span, NULL);
  g_autoptr (GstStructure) s = NULL;
  g_autofree char *got = NULL;

  bench_push_range (b, 0, n);
  g_assert_null (bench_answer (b, 0));
  bench_eos (b);
  s = bench_answer (b, 0);
  g_assert_nonnull (s);
  got = structure_times (s);
  g_assert_cmpstr (got, ==, times);
  g_assert_cmpuint (structure_uint64 (s, "start"), ==, start);
  g_assert_cmpuint (structure_uint64 (s, "end"), ==, n * BENCH_STEP);
  g_assert_cmpuint (bench_n_answers (b), ==, 0);
  g_assert_cmpuint (bench_drain (b), ==, n);
  /* Small frames wait as they are: only what is asked about is encoded. */
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), <=, frames);
  bench_end (b);
}

static void
test_eos_trigger (void)
{
  for (guint live = 0; live < 2; live++) {
    check_eos_trigger (live, 1, 0, 15, "700", 0);
    check_eos_trigger (live, 4, 0, 16, "200 600 1000 1400", 0);
    check_eos_trigger (live, 2, 400 * MS, 16, "1300 1500", 1200 * MS);
    check_eos_trigger (live, 4, 0, 1, "0", 0);
  }
}

/* The prompt of trigger=eos is the one at the end. */
static void
test_eos_prompt (void)
{
  Bench *b = bench_new (FALSE, "trigger", 1, "frames", 2, NULL);
  g_autoptr (GstStructure) s = NULL;

  bench_push_range (b, 0, 4);
  g_object_set (b->element, "prompt", "And now?", NULL);
  bench_eos (b);
  s = bench_answer (b, 0);
  g_assert_cmpstr (gst_structure_get_string (s, "prompt"), ==, "And now?");
  bench_end (b);
}

/* The end of a segment seek is an end too. */
static void
test_segment_done (void)
{
  Bench *b = bench_new (FALSE, "trigger", 1, NULL);

  bench_push_range (b, 0, 5);
  g_assert_true (gst_harness_push_event (
      b->h, gst_event_new_segment_done (GST_FORMAT_TIME, 500 * MS)));
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  bench_push_range (b, 5, 9);
  bench_eos (b);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  bench_end (b);
}

/* A gap event ends a clip, and the stream waits for it there. */
static void
test_gap (void)
{
  Bench *b = bench_new (FALSE, "interval", 1 * GST_SECOND, "frames", 2, NULL);
  g_autoptr (GstStructure) s = NULL;
  g_autofree char *times = NULL;

  bench_push_range (b, 0, 3);
  g_assert_true (gst_harness_push_event (
      b->h, gst_event_new_gap (300 * MS, 10 * GST_SECOND)));
  s = bench_answer (b, 0);
  g_assert_nonnull (s);
  times = structure_times (s);
  g_assert_cmpstr (times, ==, "0");
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/busy/drop/never-stalls", test_drop_never_stalls);
  g_test_add_func ("/busy/drop/frees-frames", test_drop_frees_frames);
  g_test_add_func ("/busy/drop/while-loading", test_drop_while_loading);
  g_test_add_func ("/busy/drop/meta", test_drop_meta);
  g_test_add_func ("/busy/wait/meta", test_wait);
  g_test_add_func ("/busy/wait/blocks", test_wait_blocks);
  g_test_add_func ("/busy/wait/for-load", test_wait_for_load);
  g_test_add_func ("/busy/wait/live-load", test_live_load);
  g_test_add_func ("/busy/encode-as-they-arrive", test_encode_as_they_arrive);
  g_test_add_func ("/busy/reuse", test_reuse);
  g_test_add_func ("/busy/auto", test_auto);
  g_test_add_data_func (
      "/busy/eos/drains/wait", GINT_TO_POINTER (FALSE), test_eos_drains);
  g_test_add_data_func (
      "/busy/eos/drains/drop", GINT_TO_POINTER (TRUE), test_eos_drains);
  g_test_add_func ("/busy/eos/timeout", test_eos_timeout);
  g_test_add_func ("/busy/eos/without-frames", test_eos_without_frames);
  g_test_add_func ("/busy/eos/while-loading", test_eos_while_loading);
  g_test_add_func ("/busy/eos/trigger", test_eos_trigger);
  g_test_add_func ("/busy/eos/prompt", test_eos_prompt);
  g_test_add_func ("/busy/eos/segment-done", test_segment_done);
  g_test_add_func ("/busy/gap", test_gap);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
