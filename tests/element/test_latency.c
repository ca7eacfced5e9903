/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How late a live stream is that waits for answers, and what is said of one
 * that does not. Also run under ThreadSanitizer. */
#include "bench.h"

#include <string.h>

#define DROP 2

/* A live stream that waits is as late as the answers take, says so before the
 * first buffer that needs it leaves, and never takes it back. */
static void
test_latency (void)
{
  Bench *b = bench_new_held (TRUE, 2 * GST_SECOND, 1 << 20);
  GstClockTime max, first, second;

  gst_harness_set_upstream_latency (b->h, 10 * MS);
  bench_wait_loaded (b);
  g_assert_cmpuint (bench_latency (b, &max), ==, 10 * MS);
  fake_set_n_tokens (1);
  fake_set_delay (FAKE_GENERATE, 60000);
  bench_push_range (b, 0, 2);
  gst_message_unref (bench_message (b, GST_MESSAGE_LATENCY));
  bench_expect_frames (b, 0, 1, 0);
  first = bench_latency (b, &max);
  g_assert_cmpuint (first, >=, 10 * MS + 60 * MS);
  g_assert_cmpuint (first, <, GST_SECOND);
  bench_expect_frames (b, 1, 2, 1);

  fake_set_delay (FAKE_GENERATE, 1000);
  bench_push_range (b, 2, 4);
  bench_expect_frames (b, 2, 3, 1);
  bench_expect_frames (b, 3, 4, 2);
  g_assert_cmpuint (bench_latency (b, &max), >=, first);

  fake_set_delay (FAKE_GENERATE, 300000);
  bench_push_range (b, 4, 6);
  bench_expect_frames (b, 4, 5, 2);
  bench_expect_frames (b, 5, 6, 3);
  gst_message_unref (bench_message (b, GST_MESSAGE_LATENCY));
  second = bench_latency (b, &max);
  g_assert_cmpuint (second, >=, 310 * MS);
  bench_end (b);
}

/* No more than what can be held, and nothing where the stream drops or is no
 * live one. */
static void
test_latency_bounds (void)
{
  for (guint i = 0; i < 3; i++) {
    Bench *b = bench_new_held (i != 1, 50 * MS, 1 << 20);
    GstClockTime max;

    if (i == 2)
      g_object_set (b->element, "when-busy", DROP, NULL);
    bench_wait_loaded (b);
    fake_set_n_tokens (1);
    fake_set_delay (FAKE_GENERATE, 100000);
    bench_push_range (b, 0, 2);
    bench_expect_frames (b, 0, 1, 0);
    gst_buffer_unref (bench_pull (b));
    g_assert_cmpuint (bench_latency (b, &max), ==, i == 0 ? 50 * MS : 0);
    bench_end (b);
  }
}

/* The warning tells how many in all, what an answer takes, and an interval that
 * has room for it. */
static void
test_warning (void)
{
  Bench *b = bench_new (
      TRUE, "interval", 100 * MS, "frames", 1, "when-busy", DROP, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstMessage) m = NULL;
  unsigned long long interval;
  const char *at;

  bench_wait_loaded (b);
  fake_set_n_tokens (1);
  fake_set_delay (FAKE_GENERATE, 100000);
  bench_push (b, 0);
  bench_wait_stat (b, "clips-answered", 1);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 1);
  fake_wait_calls (FAKE_GENERATE, 2);
  bench_push_range (b, 2, 4);
  m = bench_message (b, GST_MESSAGE_WARNING);
  gst_message_parse_warning (m, &error, NULL);
  g_assert_nonnull (strstr (error->message, "1 clips were skipped (1 in all)"));
  at = strstr (error->message, "interval=");
  g_assert_nonnull (at);
  interval = strtoull (at + strlen ("interval="), NULL, 10);
  g_assert_cmpuint (interval, >=, 100 * MS);
  g_assert_cmpuint (interval % (100 * MS), ==, 0);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/latency/grows", test_latency);
  g_test_add_func ("/latency/bounds", test_latency_bounds);
  g_test_add_func ("/latency/skipped", test_warning);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
