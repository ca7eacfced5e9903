/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From buffers' timestamps and segments to stream time; changes of properties
 * while the stream runs. */
#include "bench.h"

#include <string.h>

#define CAPS_NO_RATE "video/x-raw,format=RGB,width=8,height=6,framerate=0/1"

static void
push_at (Bench *b, GstClockTime pts, GstClockTime duration)
{
  GstBuffer *buffer = bench_buffer (0);

  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DURATION (buffer) = duration;
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
}

/* Answers on the bus as "start-end:times", in ms, one after the other. */
static char *
answers (Bench *b)
{
  GString *text = g_string_new (NULL);
  GstStructure *s;

  while ((s = bench_answer (b, 0))) {
    g_autofree char *times = structure_times (s);

    g_string_append_printf (text,
        "%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT ":%s",
        text->len ? ", " : "", structure_uint64 (s, "start") / MS,
        structure_uint64 (s, "end") / MS, times);
    gst_structure_free (s);
  }
  return g_string_free (text, FALSE);
}

#define assert_answers(b, expected) assert_string (answers (b), expected)

static void
send_segment (Bench *b, double rate, double applied_rate, guint64 start,
    guint64 stop, guint64 time)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.applied_rate = applied_rate;
  segment.start = start;
  segment.stop = stop;
  segment.time = time;
  segment.position = rate > 0 ? start : stop;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
}

/* A peer that knows, or believes, how long the stream is. */
static GstPadProbeReturn
tell_duration (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_DURATION)
    return GST_PAD_PROBE_OK;
  gst_query_set_duration (
      query, GST_FORMAT_TIME, (gint64) GPOINTER_TO_SIZE (user_data));
  return GST_PAD_PROBE_HANDLED;
}

/* ---- segments ---------------------------------------------------------- */

/* Timestamps of 1000 s on, which are second 5 of the file. */
static void
test_stream_time (void)
{
  Bench *b = bench_new (FALSE, NULL);

  send_segment (
      b, 1, 1, 1000 * GST_SECOND, GST_CLOCK_TIME_NONE, 5 * GST_SECOND);
  for (guint i = 0; i < 25; i++)
    push_at (b, 1000 * GST_SECOND + i * BENCH_STEP, BENCH_STEP);
  bench_eos (b);
  assert_answers (b, "5000-6000:5000, 6000-7000:6000, 7000-8000:7000");
  bench_end (b);
}

/* Fast playback, and a source that plays faster itself: stream time counts. */
static void
test_rates (void)
{
  Bench *b = bench_new (FALSE, NULL);

  send_segment (b, 4, 1, 0, GST_CLOCK_TIME_NONE, 0);
  for (guint i = 0; i < 15; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  assert_answers (b, "0-1000:0, 1000-2000:1000");
  bench_flush_start (b);
  bench_flush_stop (b);
  send_segment (b, 1, 4, 0, GST_CLOCK_TIME_NONE, 0);
  for (guint i = 0; i < 5; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  assert_answers (b, "0-1000:0, 1000-2000:800");
  bench_end (b);
}

/* What lies outside of the segment is decoded, but never shown. */
static void
test_clipping (void)
{
  Bench *b = bench_new (FALSE, "interval", 200 * MS, NULL);

  send_segment (b, 1, 1, 350 * MS, 600 * MS, 350 * MS);
  for (guint i = 0; i < 10; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  bench_eos (b);
  assert_answers (b, "350-550:350, 550-750:500");
  g_assert_cmpuint (bench_drain (b), ==, 10);
  bench_end (b);
}

/* Backwards from 2 s: clips follow each other in playback, and the frames of
 * each go forwards in stream time. */
static void
test_reverse (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, NULL);

  send_segment (b, -1, 1, 0, 2 * GST_SECOND, 0);
  for (guint i = 20; i > 0; i--)
    push_at (b, (i - 1) * BENCH_STEP, BENCH_STEP);
  bench_eos (b);
  assert_answers (b, "1000-2000:1400 1900, 0-1000:400 900");
  bench_end (b);
}

/* The latency counts from the frame that came last, which is the first of the
 * clip's. */
static void
test_reverse_latency (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, "interval", 200 * MS, NULL);
  g_autoptr (GstStructure) s = NULL;
  gint64 begin, end;

  send_segment (b, -1, 1, 0, 2 * GST_SECOND, 0);
  push_at (b, 1900 * MS, BENCH_STEP);
  g_usleep (100000);
  begin = g_get_monotonic_time ();
  push_at (b, 1800 * MS, BENCH_STEP);
  end = g_get_monotonic_time ();
  s = bench_answer (b, 0);
  g_assert_nonnull (s);
  g_assert_cmpuint (
      structure_uint64 (s, "latency"), <=, (guint64) (end - begin) * 1000);
  bench_eos (b);
  bench_end (b);
}

/* Both rates negative: a source that plays backwards, played backwards. */
static void
test_reverse_applied (void)
{
  Bench *b = bench_new (FALSE, NULL);

  send_segment (b, 1, -1, 0, 2 * GST_SECOND, 0);
  for (guint i = 0; i < 20; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  bench_eos (b);
  assert_answers (b, "1000-2000:1900, 0-1000:900");
  bench_end (b);
}

static void
test_turn_around (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, NULL);

  for (guint i = 0; i < 13; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  send_segment (b, -1, 1, 0, 1300 * MS, 0);
  for (guint i = 13; i > 0; i--)
    push_at (b, (i - 1) * BENCH_STEP, BENCH_STEP);
  bench_eos (b);
  assert_answers (b, "0-1000:0 500, 1000-1300:1000, 300-1300:700 1200,"
                     " 0-300:200");
  bench_end (b);
}

/* trigger=eos on 1000 frames of 100 ms, more than are kept: where the segment
 * or upstream says when it ends, the frames are those on screen at the targets;
 * what is said wrongly, by one of them, does no harm. */
static void
test_known_end (void)
{
  static const struct {
    double rate, applied_rate;
    guint64 stop, duration; /* ms; 0: not said */
    const char *answer;
  } cases[] = {
    { 1, 1, 100000, 0, "0-100000:12500 37500 62500 87500" },
    { 1, 1, 0, 100000, "0-100000:12500 37500 62500 87500" },
    { 2, 1, 100000, 222222, "0-100000:12500 37500 62500 87500" },
    { 1, 1, 333333, 100000, "0-100000:12500 37500 62500 87500" },
    { -1, 1, 100000, 0, "0-100000:12400 37400 62400 87400" },
    { 1, -1, 100000, 0, "0-100000:12400 37400 62400 87400" },
  };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++) {
    Bench *b = bench_new (FALSE, "trigger", 1, "frames", 4, NULL);

    if (cases[c].duration)
      gst_pad_add_probe (b->h->srcpad, GST_PAD_PROBE_TYPE_QUERY_UPSTREAM,
          tell_duration, GSIZE_TO_POINTER (cases[c].duration * MS), NULL);
    send_segment (b, cases[c].rate, cases[c].applied_rate, 0,
        cases[c].stop ? cases[c].stop * MS : GST_CLOCK_TIME_NONE, 0);
    for (guint i = 0; i < 1000; i++)
      push_at (b, (cases[c].rate < 0 ? 999 - i : i) * BENCH_STEP, BENCH_STEP);
    bench_eos (b);
    assert_answers (b, cases[c].answer);
    bench_end (b);
  }
}

/* One file after the other in the same stream. */
static void
test_second_file (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, NULL);

  for (guint i = 0; i < 12; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("second")));
  bench_new_segment (b);
  for (guint i = 0; i < 12; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  bench_eos (b);
  assert_answers (b, "0-1000:0 500, 1000-1200:1000, 0-1000:0 500,"
                     " 1000-1200:1000");
  bench_end (b);
}

/* A segment in another format leaves the timestamps as they are. */
static void
test_bytes_segment (void)
{
  Bench *b = bench_new (FALSE, NULL);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  for (guint i = 0; i < 15; i++)
    push_at (b, i * BENCH_STEP, BENCH_STEP);
  assert_answers (b, "0-1000:0, 1000-2000:1000");
  bench_end (b);
}

/* ---- what is missing --------------------------------------------------- */

static void
test_no_pts (void)
{
  Bench *b = bench_new (FALSE, NULL);

  send_segment (b, 1, 1, 3 * GST_SECOND, GST_CLOCK_TIME_NONE, 3 * GST_SECOND);
  for (guint i = 0; i < 25; i++)
    push_at (b, i == 7 ? 3700 * MS : GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
  assert_answers (b, "3000-4000:3000, 4000-5000:4000, 5000-6000:5000");
  bench_end (b);
}

static void
test_no_pts_reverse (void)
{
  Bench *b = bench_new (FALSE, NULL);

  send_segment (b, -1, 1, 0, 2 * GST_SECOND, 0);
  for (guint i = 0; i < 20; i++)
    push_at (b, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
  assert_answers (b, "1000-2000:1900, 0-1000:900");
  bench_end (b);
}

/* Neither times nor a frame rate: all frames are at one time, one answer. */
static void
test_no_times_at_all (void)
{
  Bench *b = bench_with_caps (CAPS_NO_RATE, NULL);

  for (guint i = 0; i < 25; i++)
    push_at (b, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
  bench_eos (b);
  assert_answers (b, "0-1000:0");
  g_assert_cmpuint (bench_drain (b), ==, 25);
  bench_end (b);
}

static void
test_no_rate (void)
{
  Bench *b = bench_with_caps (CAPS_NO_RATE, "frames", 2, NULL);

  for (guint i = 0; i < 25; i++)
    push_at (b, i * 130 * MS, GST_CLOCK_TIME_NONE);
  bench_eos (b);
  assert_answers (b, "0-1000:0 520, 1000-2000:1040 1560, 2000-3000:2080 2600,"
                     " 3000-3120:3120");
  bench_end (b);
}

/* Any timestamps: every buffer comes out, and the answers' times are in what
 * was looked at. */
static void
test_random_timestamps (void)
{
  for (guint round = 0; round < 60; round++) {
    Bench *b = bench_with_caps (g_test_rand_bit () ? BENCH_CAPS : CAPS_NO_RATE,
        "interval", (guint64) g_test_rand_int_range (1, 3000) * MS, "frames",
        g_test_rand_int_range (1, 5), "span",
        (guint64) g_test_rand_int_range (0, 3000) * MS, "trigger",
        g_test_rand_int_range (0, 4) == 0, NULL);
    guint64 t = (guint64) g_test_rand_int_range (0, 1000) * GST_SECOND;
    GstStructure *s;

    for (guint i = 0; i < 200; i++) {
      GstClockTime pts = t, duration = BENCH_STEP;

      switch (g_test_rand_int_range (0, 20)) {
        case 0:
          pts = GST_CLOCK_TIME_NONE;
          break;
        case 1:
          pts = (guint64) g_test_rand_int () << g_test_rand_int_range (0, 33);
          break;
        case 2:
          duration = (guint64) g_test_rand_int ()
                     << g_test_rand_int_range (0, 33);
          break;
        case 3:
          duration = GST_CLOCK_TIME_NONE;
          break;
        case 4:
          t += (guint64) g_test_rand_int_range (0, 100) * BENCH_STEP;
          break;
        case 5:
          t -= MIN (t, (guint64) g_test_rand_int_range (0, 100) * BENCH_STEP);
          break;
        case 6:
          if (g_test_rand_int_range (0, 5) == 0)
            send_segment (b, g_test_rand_bit () ? 1 : -1,
                g_test_rand_bit () ? 1 : -2, t, t + GST_SECOND, t);
          break;
        case 7:
          gst_harness_push_event (b->h, gst_event_new_gap (t, BENCH_STEP));
          break;
        default:
          break;
      }
      push_at (b, pts, duration);
      t += BENCH_STEP;
    }
    bench_eos (b);
    g_assert_cmpuint (bench_drain (b), ==, 200);
    while ((s = bench_answer (b, 0))) {
      g_assert_cmpuint (
          structure_uint64 (s, "start"), <=, structure_uint64 (s, "end"));
      gst_structure_free (s);
    }
    bench_end (b);
  }
}

/* ---- properties while the stream runs ---------------------------------- */

static void
test_prompt_change (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, "prompt", "one", NULL);
  g_autoptr (GstStructure) first = NULL, second = NULL;

  bench_push_range (b, 0, 3);
  /* The open clip keeps its question. */
  g_object_set (b->element, "prompt", "two", "max-tokens", 5, NULL);
  bench_push_range (b, 3, 16);
  first = bench_answer (b, 0);
  second = bench_answer (b, 0);
  g_assert_cmpstr (gst_structure_get_string (first, "prompt"), ==, "one");
  g_assert_cmpstr (gst_structure_get_string (second, "prompt"), ==, "two");
  g_assert_cmpstr (
      fake_request (1).prompt, ==, "USER: <|image|>two ASSISTANT:");
  g_assert_cmpuint (fake_request (0).sampling.max_tokens, ==, 128);
  g_assert_cmpuint (fake_request (1).sampling.max_tokens, ==, 5);
  bench_end (b);
}

static void
test_grid_change (void)
{
  Bench *b = bench_new (FALSE, "interval", 60 * GST_SECOND, NULL);

  bench_push_range (b, 0, 10);
  assert_answers (b, "0-60000:0");
  g_object_set (b->element, "interval", 500 * MS, NULL);
  bench_push_range (b, 10, 16);
  assert_answers (b, "1000-1500:1000, 1500-2000:1500");
  g_object_set (b->element, "interval", 1 * GST_SECOND, "frames", 2, NULL);
  bench_push_range (b, 16, 35);
  assert_answers (b, "2500-3500:2500 3000");
  g_object_set (b->element, "trigger", 1, "frames", 1, NULL);
  bench_push_range (b, 35, 45);
  assert_answers (b, "");
  bench_eos (b);
  assert_answers (b, "3500-4500:4000");
  bench_end (b);
}

static void
test_when_busy_change (void)
{
  Bench *b = bench_new (FALSE, "when-busy", 2, "interval", 100 * MS, NULL);
  BenchCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 5);
  g_object_set (b->element, "when-busy", 1, NULL);
  call = bench_push_async (b, 5);
  g_usleep (10000);
  g_assert_false (bench_call_is_done (call));
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/time/stream-time", test_stream_time);
  g_test_add_func ("/time/rates", test_rates);
  g_test_add_func ("/time/clipping", test_clipping);
  g_test_add_func ("/time/reverse", test_reverse);
  g_test_add_func ("/time/reverse-latency", test_reverse_latency);
  g_test_add_func ("/time/reverse-applied", test_reverse_applied);
  g_test_add_func ("/time/turn-around", test_turn_around);
  g_test_add_func ("/time/known-end", test_known_end);
  g_test_add_func ("/time/second-file", test_second_file);
  g_test_add_func ("/time/bytes-segment", test_bytes_segment);
  g_test_add_func ("/time/no-pts", test_no_pts);
  g_test_add_func ("/time/no-pts-reverse", test_no_pts_reverse);
  g_test_add_func ("/time/no-times-at-all", test_no_times_at_all);
  g_test_add_func ("/time/no-rate", test_no_rate);
  g_test_add_func ("/time/random-timestamps", test_random_timestamps);
  g_test_add_func ("/time/change/prompt", test_prompt_change);
  g_test_add_func ("/time/change/grid", test_grid_change);
  g_test_add_func ("/time/change/when-busy", test_when_busy_change);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
