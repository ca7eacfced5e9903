/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions that come by question_sink: who waits for whom, what ends a wait,
 * and what becomes of those of after the end. */
#include "asker.h"
#include "gstowl2run.h"
#include "gstowl2settings.h"

#include <string.h>

#define QUESTION GST_OWL2_TRIGGER_QUESTION

/* What does not wait shows itself in this time, as a rule. */
static void
assert_waits (BenchCall *call)
{
  g_usleep (20000);
  g_assert_false (bench_call_is_done (call));
}

/* ---- who waits ---------------------------------------------------------- */

/* The video of a file goes on when it is known which questions come up to its
 * time, by whatever says so. */
static void
test_waits (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_new (b);
  BenchCall *call = bench_push_async (b, 0);
  GstSegment segment;

  assert_waits (call);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  asker_segment (a, &segment);
  assert_waits (call);
  asker_gap (a, 0, 99 * MS);
  assert_waits (call);
  asker_gap (a, 99 * MS, 1 * MS);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  asker_ask (a, "A?", 250 * MS);
  bench_push_range (b, 1, 2);
  /* There may be another one in the frame of the first. */
  call = bench_push_async (b, 2);
  bench_wait_stat (b, "clips-answered", 1);
  assert_waits (call);
  asker_ask (a, "B?", 299 * MS);
  bench_wait_stat (b, "clips-answered", 2);
  assert_waits (call);
  asker_ask (a, " ", 5 * GST_SECOND);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_push_range (b, 3, 40);
  call = bench_push_async (b, 60);
  assert_waits (call);
  asker_event (a, gst_event_new_segment_done (GST_FORMAT_TIME, 0));
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_eos (b);
  assert_string (asker_times (b), "A?:200, B?:200");
  asker_end (b, a);
}

/* Who says nothing holds up the video for seconds, once, and not for ever; with
 * the next news it is heard again. */
static void
test_silence (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  g_autofree char *text = NULL;
  BenchCall *call;

  g_assert_cmpint (
      bench_call_finish (bench_push_async (b, 0)), ==, GST_FLOW_OK);
  text = asker_warning (b);
  g_assert_nonnull (strstr (text, "question_sink"));
  bench_push_range (b, 1, 5);
  asker_ask (a, "A?", 520 * MS);
  call = bench_push_async (b, 5);
  assert_waits (call);
  asker_eos (a);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_eos (b);
  assert_string (asker_times (b), "A?:500");
  asker_end (b, a);
}

/* However the threads run, what is asked, and in which order, is the same, to
 * the earlier turns in each prompt. */
static void
test_same (void)
{
  g_autofree char *first = NULL;

  for (guint round = 0; round < 30; round++) {
    Bench *b = bench_new (FALSE, "interval", 200 * MS, "frames", 2, "prompt",
        "clip", "history", 3, NULL);
    Asker *a = asker_new (b);
    g_autoptr (GString) seen = g_string_new (NULL);
    GstSegment segment;
    AskerCall *call;

    fake_set_n_tokens (1);
    gst_segment_init (&segment, GST_FORMAT_TIME);
    asker_segment (a, &segment);
    call = asker_push_async (a, 100, 0, 17 * MS);
    if (round % 3 == 0)
      asker_wait_pushed (call, GST_OWL2_MAX_ASKED);
    for (guint i = 0; i < 20; i++) {
      if (round % 3 == 1)
        g_usleep ((gulong) g_test_rand_int_range (0, 300));
      g_assert_cmpint (bench_push (b, i), ==, GST_FLOW_OK);
    }
    g_assert_cmpint (asker_call_finish (call), ==, GST_FLOW_OK);
    bench_eos (b);
    for (guint i = 0; i < fake_n_calls (FAKE_GENERATE); i++) {
      g_string_append (seen, fake_request (i).prompt);
      for (guint j = 0; j < fake_request (i).n_images; j++)
        g_string_append_printf (seen, " %u", fake_request (i).images[j]);
      g_string_append_c (seen, '\n');
    }
    g_assert_cmpuint (fake_n_calls (FAKE_GENERATE), ==, 110);
    if (!first)
      first = g_strdup (seen->str);
    g_assert_cmpstr (seen->str, ==, first);
    asker_end (b, a);
  }
}

/* More questions than there is room for, all of one frame, and a model that
 * takes its time for each: none is given up for that. */
static void
test_many_at_once (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  AskerCall *call = asker_push_async (a, 200, 0, 0);
  BenchCall *video;

  fake_set_gate (FAKE_GENERATE, TRUE);
  asker_wait_pushed (call, GST_OWL2_MAX_ASKED);
  video = bench_push_async (b, 0);
  g_usleep (6 * G_USEC_PER_SEC);
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (bench_call_finish (video), ==, GST_FLOW_OK);
  bench_push (b, 1);
  g_assert_cmpint (asker_call_finish (call), ==, GST_FLOW_OK);
  bench_eos (b);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 200);
  asker_end (b, a);
}

/* Of a live stream with a slow model, upstream of the questions waits, and the
 * video does not. */
static void
test_bound (void)
{
  Bench *b = bench_new (TRUE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  AskerCall *call;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 1);
  call = asker_push_async (a, 100, 0, 0);
  asker_wait_pushed (call, GST_OWL2_MAX_ASKED);
  bench_push_range (b, 1, 50);
  g_usleep (20000);
  g_assert_cmpuint (asker_n_pushed (call), ==, GST_OWL2_MAX_ASKED);
  fake_set_gate (FAKE_GENERATE, FALSE);
  g_assert_cmpint (asker_call_finish (call), ==, GST_FLOW_OK);
  bench_wait_stat (b, "clips-answered", 100);
  bench_eos (b);
  asker_end (b, a);
}

typedef enum {
  FLUSH,
  RELEASE,
  STOP,
  N_WAYS,
} Way;

/* What ends the wait of who brings questions. */
static void
test_unblock (void)
{
  for (Way way = 0; way < N_WAYS; way++) {
    Bench *b = bench_new (TRUE, "trigger", QUESTION, NULL);
    Asker *a = asker_begin (b);
    AskerCall *call = asker_push_async (a, 100, GST_SECOND, 0);

    asker_wait_pushed (call, GST_OWL2_MAX_ASKED);
    if (way == FLUSH)
      asker_event (a, gst_event_new_flush_start ());
    else if (way == RELEASE)
      gst_element_release_request_pad (b->element, a->sink);
    else
      gst_element_set_state (b->element, GST_STATE_NULL);
    g_assert_cmpint (asker_call_finish (call), !=, GST_FLOW_OK);
    if (way == FLUSH) {
      GstSegment segment;

      asker_event (a, gst_event_new_flush_stop (TRUE));
      gst_segment_init (&segment, GST_FORMAT_TIME);
      asker_segment (a, &segment);
      asker_ask (a, "again", 0);
    }
    if (way != STOP) {
      bench_push_range (b, 0, 15);
      bench_eos (b);
      assert_string (asker_times (b), way == FLUSH ? "again:0" : "");
    }
    asker_end (b, a);
  }
}

typedef enum {
  VIDEO_FLUSH,
  VIDEO_STOP,
  PAD_RELEASE,
  PAD_UNLINK,
  PAD_EOS,
  N_ENDS,
} End;

/* What ends the wait of the video. */
static void
test_free_video (void)
{
  for (End way = 0; way < N_ENDS; way++) {
    Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
    Asker *a = asker_begin (b);
    BenchCall *call = bench_push_async (b, 0);
    GstFlowReturn want = GST_FLOW_OK;

    assert_waits (call);
    if (way == VIDEO_FLUSH) {
      bench_flush_start (b);
      want = GST_FLOW_FLUSHING;
    } else if (way == VIDEO_STOP) {
      gst_element_set_state (b->element, GST_STATE_NULL);
      want = GST_FLOW_FLUSHING;
    } else if (way == PAD_RELEASE) {
      gst_element_release_request_pad (b->element, a->sink);
    } else if (way == PAD_UNLINK) {
      gst_pad_unlink (a->src, a->sink);
    } else {
      asker_eos (a);
    }
    g_assert_cmpint (bench_call_finish (call), ==, want);
    asker_end (b, a);
  }
}

/* A pad that nobody is linked to asks nothing; one that comes later finds the
 * video where it is. */
static void
test_while_playing (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  GstPad *sink = gst_element_request_pad_simple (b->element, "question_sink");
  GstSegment segment;
  BenchCall *call;
  Asker *a;

  bench_push_range (b, 0, 2);
  gst_element_release_request_pad (b->element, sink);
  gst_object_unref (sink);
  bench_push_range (b, 2, 5);
  a = asker_new (b);
  call = bench_push_async (b, 5);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  asker_segment (a, &segment);
  asker_ask (a, "late", 200 * MS);
  asker_ask (a, "in time", 730 * MS);
  asker_eos (a);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_push_range (b, 6, 10);
  gst_element_release_request_pad (b->element, a->sink);
  bench_push_range (b, 10, 12);
  bench_eos (b);
  assert_string (asker_times (b), "late:500, in time:700");
  asker_end (b, a);
}

/* ---- seeks -------------------------------------------------------------- */

typedef struct {
  Bench *b;
  Asker *a;
  BenchCall *call;
} Seek;

/* Upstream of the video is there before that of the questions. */
static GstPadProbeReturn
on_video_seek (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Seek *seek = data;

  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_SEEK)
    return GST_PAD_PROBE_OK;
  bench_flush_start (seek->b);
  bench_flush_stop (seek->b);
  seek->call = bench_push_async (seek->b, 0);
  return GST_PAD_PROBE_OK;
}

static void
on_question_seek (gpointer data)
{
  Seek *seek = data;
  GstSegment segment;

  /* The question of before, which is in the queue, is not asked there. */
  assert_waits (seek->call);
  asker_event (seek->a, gst_event_new_flush_start ());
  asker_event (seek->a, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  asker_segment (seek->a, &segment);
  asker_ask (seek->a, "after", 50 * MS);
  asker_eos (seek->a);
}

static void
on_late_seek (gpointer data)
{
  Seek *seek = data;
  GstSegment segment;

  asker_event (seek->a, gst_event_new_flush_start ());
  asker_event (seek->a, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  if (g_atomic_int_get (&seek->a->n_seeks) == 2)
    segment.start = segment.time = 300 * MS;
  asker_segment (seek->a, &segment);
  asker_ask (seek->a, "after", 350 * MS);
  asker_eos (seek->a);
}

/* As subparse, which may begin where it was when the seek came. */
static void
test_late_seek (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  Seek seek = { b, a, NULL };

  asker_eos (a);
  gst_pad_add_probe (b->h->srcpad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM,
      on_video_seek, &seek, NULL);
  a->on_seek = on_late_seek;
  a->data = &seek;
  g_assert_true (gst_pad_push_event (b->h->sinkpad,
      gst_event_new_seek (1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
          GST_SEEK_TYPE_SET, 300 * MS, GST_SEEK_TYPE_NONE, 0)));
  g_assert_cmpint (g_atomic_int_get (&a->n_seeks), ==, 2);
  g_assert_cmpint (bench_call_finish (seek.call), ==, GST_FLOW_OK);
  bench_push_range (b, 1, 10);
  bench_eos (b);
  assert_string (asker_times (b), "after:0");
  asker_end (b, a);
}

static void
on_stuck_seek (gpointer data)
{
  Seek *seek = data;

  g_assert_cmpint (bench_call_finish (seek->call), ==, GST_FLOW_OK);
}

/* A seek goes up both ways, and between the two nothing of before is used, be
 * it a question that waits, or that there are no more. */
static void
test_seek (void)
{
  for (guint waits = 0; waits < 2; waits++) {
    Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
    Asker *a = asker_begin (b);
    Seek seek = { b, a, NULL };

    asker_ask (a, "before", 50 * MS);
    if (waits)
      asker_ask (a, "never", 950 * MS);
    asker_eos (a);
    bench_push_range (b, 0, 1);
    assert_string (asker_times (b), "before:0");
    gst_pad_add_probe (b->h->srcpad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM,
        on_video_seek, &seek, NULL);
    a->on_seek = on_question_seek;
    a->data = &seek;
    g_assert_true (gst_pad_push_event (b->h->sinkpad,
        gst_event_new_seek (1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
            GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0)));
    g_assert_cmpint (g_atomic_int_get (&a->n_seeks), ==, 1);
    g_assert_cmpint (bench_call_finish (seek.call), ==, GST_FLOW_OK);
    bench_push_range (b, 1, 10);
    bench_eos (b);
    assert_string (asker_times (b), "after:0");
    asker_end (b, a);
  }
}

/* ---- the end ------------------------------------------------------------ */

/* Questions of later than the video are lost, with one warning for all. */
static void
test_lost (void)
{
  for (guint early = 0; early < 2; early++) {
    Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
    Asker *a = asker_begin (b);
    AskerCall *call =
        asker_push_async (a, early ? 13 : 203, 150 * MS, 100 * MS);
    g_autofree char *text = NULL;

    asker_wait_pushed (call, early ? 13 : GST_OWL2_MAX_ASKED);
    if (early)
      g_assert_cmpint (asker_call_finish (call), ==, GST_FLOW_OK);
    bench_push_range (b, 0, 4);
    bench_eos (b);
    text = asker_warning (b);
    g_assert_nonnull (strstr (text, early ? " 10 of" : " 200 of"));
    if (!early)
      g_assert_cmpint (asker_call_finish (call), ==, GST_FLOW_OK);
    assert_string (asker_times (b), "");
    g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 3);
    asker_end (b, a);
  }
}

/* Those that come after it are told of at the stop. */
static void
test_lost_at_stop (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_new (b);
  g_autofree char *at_end = NULL, *at_stop = NULL;
  GstSegment segment;

  a->live = TRUE;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  asker_segment (a, &segment);
  asker_ask (a, "A?", 50 * MS);
  asker_ask (a, "B?", 5 * GST_SECOND);
  bench_push_range (b, 0, 2);
  assert_string (asker_times (b), "A?:0");
  bench_eos (b);
  at_end = asker_warning (b);
  g_assert_nonnull (strstr (at_end, " 1 of"));
  asker_ask (a, "C?", 6 * GST_SECOND);
  asker_ask (a, "D?", 6 * GST_SECOND);
  /* One whose time was before is about what was seen last. */
  asker_ask (a, "E?", 60 * MS);
  bench_wait_stat (b, "clips-answered", 2);
  assert_string (asker_times (b), "E?:100");
  gst_element_set_state (b->element, GST_STATE_READY);
  at_stop = asker_warning (b);
  g_assert_nonnull (strstr (at_stop, " 2 of"));
  asker_end (b, a);
}

/* The questions end first; the video goes on by itself, and keeps nothing for
 * them. */
static void
test_ends_first (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  guint64 n_sampled;

  asker_ask (a, "A?", 850 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 10);
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_EOS, NULL);
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_INTERVAL, "interval",
      3600 * GST_SECOND, NULL);
  bench_push_range (b, 10, 12);
  n_sampled = bench_stat (b, "frames-sampled");
  bench_push_range (b, 12, 40);
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, n_sampled);
  g_assert_cmpuint (fake_n_features (NULL), ==, 1);
  bench_eos (b);
  assert_string (asker_times (b), "A?:800, Provide a one-sentence caption for "
                                  "the provided image.:1000");
  asker_end (b, a);
}

/* A video that goes on after its end is asked about again. */
static void
test_second_file (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  GstSegment segment;

  asker_ask (a, "A?", 50 * MS);
  asker_ask (a, "B?", 950 * MS);
  asker_gap (a, 2 * GST_SECOND, 0);
  bench_push_range (b, 0, 10);
  bench_eos (b);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.base = GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("second")));
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  asker_ask (a, "C?", 2350 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 15);
  bench_eos (b);
  assert_string (
      asker_answers (b), "A?:0 0-50, B?:900 900-950, C?:1300 1300-1350");
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  asker_end (b, a);
}

/* The next life begins anew. */
static void
test_again (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  GstSegment segment;

  asker_ask (a, "A?", 0);
  asker_ask (a, "never", 900 * MS);
  asker_eos (a);
  bench_push_range (b, 0, 1);
  gst_element_set_state (b->element, GST_STATE_READY);
  gst_element_set_state (b->element, GST_STATE_PLAYING);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("again")));
  gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
  bench_new_segment (b);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_set_active (a->src, FALSE);
  gst_pad_set_active (a->src, TRUE);
  asker_segment (a, &segment);
  asker_ask (a, "B?", 0);
  asker_eos (a);
  bench_push_range (b, 0, 10);
  bench_eos (b);
  assert_string (asker_times (b), "A?:0, B?:0");
  asker_end (b, a);
}

/* Nor does a seek hold it up that does not come to an end above. */
static void
test_silent_seek (void)
{
  Bench *b = bench_new (FALSE, "trigger", QUESTION, NULL);
  Asker *a = asker_begin (b);
  Seek seek = { b, a, NULL };
  BenchCall *call;

  asker_eos (a);
  gst_pad_add_probe (b->h->srcpad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM,
      on_video_seek, &seek, NULL);
  a->on_seek = on_stuck_seek;
  a->data = &seek;
  g_assert_true (gst_pad_push_event (b->h->sinkpad,
      gst_event_new_seek (1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
          GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0)));
  call = bench_push_async (b, 1);
  g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_OK);
  bench_eos (b);
  asker_end (b, a);
}

static void
add_tests (void)
{
  g_test_add_func ("/question-waits/waits", test_waits);
  g_test_add_func ("/question-waits/silence", test_silence);
  g_test_add_func ("/question-waits/same", test_same);
  g_test_add_func ("/question-waits/many-at-once", test_many_at_once);
  g_test_add_func ("/question-waits/bound", test_bound);
  g_test_add_func ("/question-waits/unblock", test_unblock);
  g_test_add_func ("/question-waits/free-video", test_free_video);
  g_test_add_func ("/question-waits/while-playing", test_while_playing);
  g_test_add_func ("/question-waits/seek", test_seek);
  g_test_add_func ("/question-waits/late-seek", test_late_seek);
  g_test_add_func ("/question-waits/silent-seek", test_silent_seek);
  g_test_add_func ("/question-waits/lost", test_lost);
  g_test_add_func ("/question-waits/lost-at-stop", test_lost_at_stop);
  g_test_add_func ("/question-waits/ends-first", test_ends_first);
  g_test_add_func ("/question-waits/second-file", test_second_file);
  g_test_add_func ("/question-waits/again", test_again);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
