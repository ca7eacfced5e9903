/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video that is held from a clip's first frame on (`text-time=clip-start`), so
 * that the clip's own video has its answer. Also run under ThreadSanitizer. */
#include "bench.h"
#include "gstowl2settings.h"

/* Time in which what must not happen would have happened. */
#define MOMENT_US 20000

/* As bench_new_held(), each clip of @n_frames frames. */
static Bench *
early_new (guint n_frames, guint64 max_time, guint64 max_bytes)
{
  Bench *b = bench_new_held (FALSE, max_time, max_bytes);

  g_object_set (b->element, "text-time", GST_OWL2_TEXT_TIME_CLIP_START,
      "interval", (guint64) n_frames * BENCH_STEP, "frames", n_frames, NULL);
  return b;
}

static void
expect_nothing (Bench *b)
{
  g_usleep (MOMENT_US);
  g_assert_cmpuint (gst_harness_buffers_in_queue (b->h), ==, 0);
}

/* Each frame of a clip leaves with its clip's answer. */
static void
test_answers (void)
{
  Bench *b = early_new (2, 2 * GST_SECOND, 1 << 20);

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 0);
  expect_nothing (b);
  bench_push_range (b, 1, 5);
  expect_nothing (b);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_expect_frames (b, 0, 2, 1);
  bench_expect_frames (b, 2, 4, 2);
  expect_nothing (b); /* the third clip has but its first frame */
  bench_eos (b);
  bench_expect_frames (b, 4, 5, 3);
  bench_end (b);
}

/* A clip that is longer than what may be held, in time or in bytes: the first
 * of it leaves, and upstream never waits for what it has to bring itself. */
static void
test_no_room (gconstpointer data)
{
  const gboolean bytes = GPOINTER_TO_INT (data);
  Bench *b = bytes ? early_new (8, 100 * GST_SECOND, 3 * BENCH_SIZE)
                   : early_new (8, 300 * MS, 1 << 20);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 7);
  bench_expect_frames (b, 0, 4, 0);
  /* With the last one the clip is whole: now upstream waits for the answer. */
  call = bench_push_async (b, 7);
  expect_nothing (b);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_expect_frames (b, 4, 8, 1);
  bench_end (b);
}

/* No queue, and no thread for one: as without it. */
static void
test_no_queue (void)
{
  Bench *b = early_new (2, 0, 0);

  bench_push (b, 0);
  bench_expect_frames (b, 0, 1, 0);
  bench_push_range (b, 1, 4);
  bench_expect_frames (b, 1, 3, 1);
  bench_expect_frames (b, 3, 4, 2);
  bench_eos (b);
  bench_end (b);
}

/* Clips that overlap, more of them than may wait. */
static void
test_overlap (void)
{
  Bench *b = early_new (1, 100 * GST_SECOND, 1 << 20);

  g_object_set (b->element, "span", (guint64) 30 * BENCH_STEP, "frames", 3, NULL);
  bench_push_range (b, 0, 60);
  bench_eos (b);
  for (guint i = 0; i < 60; i++)
    gst_buffer_unref (bench_pull (b));
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 60);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 0);
  bench_end (b);
}

/* What is asked in order in the middle of a clip can't wait for its end. */
static void
test_query (void)
{
  Bench *b = early_new (4, 2 * GST_SECOND, 1 << 20);
  g_autoptr (GstCaps) caps = gst_caps_from_string (BENCH_CAPS);
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (b->element, "sink");

  bench_push_range (b, 0, 2);
  expect_nothing (b);
  gst_pad_query (pad, query);
  gst_query_unref (query);
  bench_expect_frames (b, 0, 2, 0);
  bench_push_range (b, 2, 4);
  bench_expect_frames (b, 2, 4, 1);
  bench_end (b);
}

/* A flush in the middle of a clip, and a stop there: nothing is left of it, and
 * what comes then has its own. */
static void
test_flush (void)
{
  Bench *b = early_new (4, 2 * GST_SECOND, 1 << 20);

  for (guint round = 0; round < 3; round++) {
    bench_push_range (b, 0, 2);
    expect_nothing (b);
    if (round == 1) {
      gst_element_set_state (b->element, GST_STATE_READY);
      gst_element_set_state (b->element, GST_STATE_PLAYING);
      bench_new_segment (b);
    } else {
      bench_flush_start (b);
      bench_flush_stop (b);
    }
    expect_nothing (b);
  }
  bench_push_range (b, 20, 24);
  for (guint i = 20; i < 24; i++) {
    g_autoptr (GstBuffer) buffer = bench_pull (b);
    g_autofree char *times = structure_times (gst_owl2_meta_get (buffer));

    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    g_assert_cmpstr (times, ==, "2000 2100 2200 2300");
  }
  bench_end (b);
}

/* A jump ends the clip with what it has. */
static void
test_jump (void)
{
  Bench *b = early_new (4, 2 * GST_SECOND, 1 << 20);

  bench_push_range (b, 0, 2);
  expect_nothing (b);
  bench_push_range (b, 100, 104);
  bench_expect_frames (b, 0, 2, 1);
  bench_expect_frames (b, 100, 104, 2);
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/early/answers", test_answers);
  g_test_add_data_func (
      "/early/no-room/time", GINT_TO_POINTER (FALSE), test_no_room);
  g_test_add_data_func (
      "/early/no-room/bytes", GINT_TO_POINTER (TRUE), test_no_room);
  g_test_add_func ("/early/no-queue", test_no_queue);
  g_test_add_func ("/early/overlap", test_overlap);
  g_test_add_func ("/early/query", test_query);
  g_test_add_func ("/early/flush", test_flush);
  g_test_add_func ("/early/jump", test_jump);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
