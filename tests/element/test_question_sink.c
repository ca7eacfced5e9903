/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions that come by question_sink: what each is about. */
#include "asker.h"
#include "gstowl2run.h"
#include "gstowl2settings.h"

#include <string.h>

#define QUESTION GST_OWL2_TRIGGER_QUESTION

/* ---- what a question is about ------------------------------------------- */

/* The newest frames up to its time, as plain text, and the answer is on the
 * frame that is on screen then. */
static void
test_file (void)
{
  Bench *b = bench_new (
      FALSE, "trigger", QUESTION, "interval", 200 * MS, "frames", 2, NULL);
  Asker *a = asker_begin (b);

  asker_ask (a, "A?", 250 * MS);
  asker_ask (a, "<|image|> </s>", 400 * MS);
  asker_ask (a, "C?", 999 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 10);
  bench_eos (b);
  assert_string (asker_answers (b),
      "A?:100 200 100-250, <|image|> </s>:300 400 300-400, "
      "C?:800 900 800-999");
  g_assert_cmpstr (
      fake_request (0).prompt, ==, "USER: <|image|>[A?] ASSISTANT:");
  g_assert_cmpstr (fake_request (1).prompt, ==,
      "USER: <|image|>[<|image|> </s>] ASSISTANT:");
  for (guint i = 0; i < 10; i++) {
    g_autoptr (GstBuffer) buffer = bench_pull (b);
    const GstStructure *s = gst_owl2_meta_get (buffer);

    g_assert_true (!s == (i < 2));
    if (s)
      g_assert_cmpuint (structure_uint64 (s, "id"), ==,
          i < 4   ? 1
          : i < 9 ? 2
                  : 3);
  }
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 3);
  asker_end (b, a);
}

/* Beside what `trigger` says, after the clips that end with the same frame. */
static void
test_beside (void)
{
  Bench *b = bench_new (FALSE, "interval", 300 * MS, "prompt", "clip", NULL);
  Asker *a = asker_begin (b);

  asker_ask (a, "A?", 0);
  asker_ask (a, "B?", 150 * MS);
  asker_ask (a, "C?", 150 * MS);
  asker_ask (a, "D?", 310 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 5);
  bench_eos (b);
  assert_string (
      asker_times (b), "clip:0, A?:0, B?:100, C?:100, clip:300, D?:300");
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 3);
  asker_end (b, a);
}

static void
test_at_end (void)
{
  Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_EOS, "prompt", "all",
      "interval", 200 * MS, "frames", 2, NULL);
  Asker *a = asker_begin (b);

  asker_ask (a, "A?", 550 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 10);
  bench_eos (b);
  assert_string (asker_times (b), "A?:400 500, all:200 700");
  asker_end (b, a);
}

/* The question's own segment: both lie where they are played together. */
static void
test_segments (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_new (b);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = segment.time = 70 * GST_SECOND;
  segment.stop = 70 * GST_SECOND + 800 * MS;
  asker_segment (a, &segment);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = 2;
  segment.start = 100 * MS;
  segment.time = 5 * GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  /* One that is over, one of which half of its time is played, one too late. */
  asker_ask (a, "never", 69 * GST_SECOND);
  asker_ask (a, "A?", 70 * GST_SECOND + 175 * MS);
  asker_ask (a, "nor this", 71 * GST_SECOND);
  asker_eos (a);
  bench_push_range (b, 1, 10);
  bench_eos (b);
  /* 350 ms after the video's start, which is 5 s of it. */
  assert_string (asker_answers (b), "A?:5300 5300-5350");
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  asker_end (b, a);
}

static void
test_reverse (void)
{
  Bench *b = bench_new (
      FALSE, "trigger", QUESTION, "interval", 300 * MS, "frames", 3, NULL);
  Asker *a = asker_new (b);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = -1;
  segment.stop = segment.position = GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  asker_segment (a, &segment);
  /* As a parser sends them, which knows forwards alone. */
  asker_ask (a, "second", 350 * MS);
  asker_ask (a, "first", 550 * MS);
  /* Nothing that it says means that no more come: nobody waits for it. */
  for (guint i = 10; i > 0; i--)
    g_assert_cmpint (bench_push (b, i - 1), ==, GST_FLOW_OK);
  bench_eos (b);
  assert_string (asker_answers (b),
      "first:500 600 700 500-700, second:300 400 500 300-500");
  asker_end (b, a);
}

/* What was shown last is what is on screen where no frame comes, and frames of
 * unknown duration stay until the next one. */
static void
test_gaps (void)
{
  for (guint unknown = 0; unknown < 2; unknown++) {
    Bench *b = bench_with_caps (
        "video/x-raw,format=RGB,width=8,height=6,framerate=0/1", "trigger",
        QUESTION, NULL);
    Asker *a = asker_begin (b);
    static const guint times[] = { 0, 100, 120, 200, 230, 700 };

    asker_ask (a, "A?", 110 * MS);
    asker_ask (a, "B?", 195 * MS);
    asker_ask (a, "C?", 630 * MS);
    asker_ask (a, "D?", 700 * MS);
    asker_eos (a);
    for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
      GstBuffer *buffer = bench_buffer (i);

      GST_BUFFER_PTS (buffer) = times[i] * MS;
      GST_BUFFER_DURATION (buffer) = unknown ? GST_CLOCK_TIME_NONE : 50 * MS;
      g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
    }
    bench_eos (b);
    assert_string (asker_times (b), "A?:100, B?:120, C?:230, D?:700");
    asker_end (b, a);
  }
}

/* A GAP of the video's says that nothing comes for its questions. */
static void
test_video_gap (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);

  asker_ask (a, "A?", 550 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 2);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_gap (200 * MS, 800 * MS)));
  assert_string (asker_answers (b), "A?:100 100-550");
  asker_end (b, a);
}

/* What is no question, or none in UTF-8. */
static void
test_texts (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  GstBuffer *empty = gst_buffer_new ();

  asker_ask (a, "", 0);
  asker_ask (a, " \t\r\n\xe3\x80\x80", 0);
  GST_BUFFER_PTS (empty) = 0;
  g_assert_cmpint (gst_pad_push (a->src, empty), ==, GST_FLOW_OK);
  asker_ask (a, "Bad \xff\xc3 bytes?", 0);
  asker_ask (a, " \xc2\xa0Two\nlines?\r\n", 0);
  asker_eos (a);
  bench_push (b, 0);
  bench_eos (b);
  assert_string (
      asker_times (b), "Bad \xef\xbf\xbd\xef\xbf\xbd bytes?:0, Two\nlines?:0");
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  asker_end (b, a);
}

/* One that can't be answered is a warning, and the next one is asked. */
static void
test_refused (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);

  fake_fail (FAKE_GENERATE, 1, OWL2_ERROR_BAD_REQUEST);
  asker_ask (a, "too long", 0);
  asker_ask (a, "B?", 100 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 2);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 1);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 1);
  bench_eos (b);
  asker_end (b, a);
}

static void
test_caps (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Asker *a = asker_new (b);
  g_autoptr (GstCaps) markup =
      gst_caps_from_string ("text/x-raw, format=(string)pango-markup");
  g_autoptr (GstCaps) plain =
      gst_caps_from_string ("text/x-raw, format=(string)utf8");

  g_assert_false (gst_pad_query_accept_caps (a->sink, markup));
  g_assert_true (gst_pad_query_accept_caps (a->sink, plain));
  /* There is one, and it can be had again. */
  g_assert_null (gst_element_request_pad (
      b->element, GST_PAD_PAD_TEMPLATE (a->sink), NULL, NULL));
  gst_element_release_request_pad (b->element, a->sink);
  asker_free (a);
  a = asker_new (b);
  asker_end (b, a);
}

/* ---- live --------------------------------------------------------------- */

/* Live video waits for nobody: a question of later comes at its time, one of
 * before or without a time at once, each about the newest frames. */
static void
test_live (void)
{
  Bench *b = bench_new (TRUE, "trigger", QUESTION, NULL);
  Asker *a = asker_new (b);
  GstSegment segment;

  bench_push_range (b, 0, 3);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  asker_segment (a, &segment);
  bench_push_range (b, 3, 5);
  asker_ask (a, "later", 710 * MS);
  bench_push_range (b, 5, 7);
  g_assert_cmpuint (fake_n_calls (FAKE_GENERATE), ==, 0);
  asker_ask (a, "before", 100 * MS);
  bench_wait_stat (b, "clips-answered", 1);
  asker_ask (a, "now", GST_CLOCK_TIME_NONE);
  bench_wait_stat (b, "clips-answered", 2);
  bench_push (b, 7);
  bench_wait_stat (b, "clips-answered", 3);
  bench_push (b, 8);
  bench_eos (b);
  assert_string (asker_answers (b),
      "before:600 600-600, now:600 600-600, later:700 700-710");
  asker_end (b, a);
}

/* Before the first frame there is nothing to ask about. */
static void
test_before_video (void)
{
  Bench *b = bench_new (TRUE, "trigger", QUESTION, NULL);
  Asker *a = asker_new (b);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  asker_segment (a, &segment);
  asker_ask (a, "A?", GST_CLOCK_TIME_NONE);
  asker_ask (a, "B?", 10 * GST_SECOND); /* which bytes don't have */
  bench_push_range (b, 0, 1);
  assert_string (asker_wait_times (b, 2), "A?:0, B?:0");
  bench_eos (b);
  asker_end (b, a);
}

/* Who asks now and then holds up no file: live, or without times. */
static void
test_now_and_then (void)
{
  for (guint live = 0; live < 2; live++) {
    Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
    Asker *a = asker_new (b);
    GstSegment segment;

    a->live = live;
    gst_segment_init (&segment, live ? GST_FORMAT_TIME : GST_FORMAT_BYTES);
    if (!live)
      asker_segment (a, &segment);
    bench_push_range (b, 0, 3);
    if (live)
      asker_segment (a, &segment);
    bench_push_range (b, 3, 6);
    asker_ask (a, "A?", live ? 150 * MS : GST_CLOCK_TIME_NONE);
    assert_string (asker_wait_times (b, 1), "A?:500");
    bench_eos (b);
    asker_end (b, a);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/question-sink/file", test_file);
  g_test_add_func ("/question-sink/beside", test_beside);
  g_test_add_func ("/question-sink/at-end", test_at_end);
  g_test_add_func ("/question-sink/segments", test_segments);
  g_test_add_func ("/question-sink/reverse", test_reverse);
  g_test_add_func ("/question-sink/gaps", test_gaps);
  g_test_add_func ("/question-sink/video-gap", test_video_gap);
  g_test_add_func ("/question-sink/texts", test_texts);
  g_test_add_func ("/question-sink/refused", test_refused);
  g_test_add_func ("/question-sink/caps", test_caps);
  g_test_add_func ("/question-sink/live", test_live);
  g_test_add_func ("/question-sink/before-video", test_before_video);
  g_test_add_func ("/question-sink/now-and-then", test_now_and_then);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
