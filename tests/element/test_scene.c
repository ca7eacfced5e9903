/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trigger=scene: which frames are answered, in which clips, where the video is
 * then, and what makes it begin anew. In the fake engine's pictures a letter is
 * seen; threshold and defaults are those of the element. */
#include "bench.h"
#include "gstowl2settings.h"

#include <string.h>

#define SCENE GST_OWL2_TRIGGER_SCENE

/* The `frame-times` of the answers on the bus, in ms. (transfer full) */
static char *
answers (Bench *b)
{
  GString *text = g_string_new (NULL);
  GstStructure *s;

  while ((s = bench_answer (b, 0))) {
    g_autofree char *times = structure_times (s);

    g_string_append_printf (text, "%s%s", text->len ? ", " : "", times);
    gst_structure_free (s);
  }
  return g_string_free (text, FALSE);
}

#define assert_answers(b, expected) assert_string (answers (b), expected)

/* A frame each 100 ms of a stream that waits; each frame is compared. */
static Bench *
scene_new (const char *scenes)
{
  fake_set_scenes (scenes);
  return bench_new (FALSE, "trigger", SCENE, "min-interval", 200 * MS, NULL);
}

/* ---- which frames ------------------------------------------------------- */

static void
test_changes (void)
{
  Bench *b = scene_new ("AAAADDDDDAAA");

  bench_push_range (b, 0, 12);
  bench_eos (b);
  assert_answers (b, "0, 400, 900");
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, 12);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 3);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 0);
  bench_end (b);
}

/* The distance of two letters is 0.1: it has to be passed. */
static void
test_threshold (void)
{
  static const struct {
    double threshold;
    const char *want;
  } cases[] = { { 0.1, "0" }, { 0.09, "0, 400" }, { 0, "0, 400" }, { 2, "0" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Bench *b = scene_new ("AAAAB");

    g_object_set (b->element, "scene-threshold", cases[i].threshold, NULL);
    bench_push_range (b, 0, 8);
    bench_eos (b);
    assert_answers (b, cases[i].want);
    bench_end (b);
  }
}

/* Compared is the frame of the last answer, not the one before: what changes
 * little by little is new in the end. */
static void
test_slow_change (void)
{
  Bench *b = scene_new ("ABCDEF");

  bench_push_range (b, 0, 6);
  bench_eos (b);
  assert_answers (b, "0, 200, 400");
  bench_end (b);
}

/* One frame each half of `min-interval` is looked at, and none is compared
 * that can't be answered. */
static void
test_min_interval (void)
{
  Bench *b = scene_new ("ADADADAD");

  g_object_set (b->element, "min-interval", 300 * MS, NULL);
  bench_push_range (b, 0, 8);
  bench_eos (b);
  assert_answers (b, "0, 300, 600");
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, 6);
  g_assert_cmpuint (fake_n_calls (FAKE_DISTANCE), ==, 2);
  bench_end (b);
}

/* An odd number of nanoseconds has no half. */
static void
test_odd (void)
{
  Bench *b = scene_new ("AADDAADADAD");

  g_object_set (b->element, "min-interval", 200 * MS + 1, NULL);
  bench_push_range (b, 0, 7);
  assert_answers (b, "0, 200, 400, 600");
  g_object_set (b->element, "min-interval", (guint64) 1, NULL);
  bench_new_segment (b);
  bench_push_range (b, 7, 11);
  bench_eos (b);
  assert_answers (b, "700, 800, 900, 1000");
  bench_end (b);
}

/* Nothing changes: the longest time is not passed, and the shortest goes
 * before. */
static void
test_max_interval (void)
{
  static const struct {
    guint64 min, max;
    const char *want;
  } cases[] = { { 200 * MS, 500 * MS, "0, 500, 1000" },
    { 200 * MS, 450 * MS, "0, 400, 800" },
    { 300 * MS, 100 * MS, "0, 300, 600, 900" }, { 200 * MS, 5000 * MS, "0" },
    { 200 * MS, 0, "0" }, { 200 * MS, G_MAXINT64, "0" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Bench *b = scene_new ("A");

    g_object_set (b->element, "min-interval", cases[i].min, "max-interval",
        cases[i].max, NULL);
    bench_push_range (b, 0, 11);
    bench_eos (b);
    assert_answers (b, cases[i].want);
    bench_end (b);
  }
}

/* The longest time counts from an answer that a change gave. */
static void
test_max_after_change (void)
{
  Bench *b = scene_new ("AAADDDDDDDDD");

  g_object_set (b->element, "max-interval", 500 * MS, NULL);
  bench_push_range (b, 0, 12);
  bench_eos (b);
  assert_answers (b, "0, 300, 800");
  bench_end (b);
}

/* A stream with fewer frames than are looked at. */
static void
test_rare_frames (void)
{
  Bench *b = scene_new ("AD");

  g_object_set (b->element, "min-interval", 20 * MS, NULL);
  bench_push_range (b, 0, 3);
  bench_eos (b);
  assert_answers (b, "0, 100");
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, 3);
  bench_end (b);
}

/* ---- clips -------------------------------------------------------------- */

typedef struct {
  guint64 min;
  guint n_frames;
  guint64 span;
  const char *scenes;
  const char *want;
} ClipCase;

static void
test_clips (void)
{
  static const ClipCase cases[] = {
    /* The frames that are compared are those of the clip. */
    { 200 * MS, 3, 300 * MS, "AAAAAADDDD", "0, 400 500 600" },
    /* Each second one, and the one that is new. */
    { 200 * MS, 3, 600 * MS, "AAAAAAAAAD", "0, 600 800 900" },
    /* More than are compared. */
    { 1000 * MS, 4, 400 * MS, "AAAAAAAAAAD", "0, 700 800 900 1000" },
    /* As many as there are yet. */
    { 200 * MS, 8, 800 * MS, "AAD", "0, 0 100 200" },
    /* 0: one `interval`, here a second. */
    { 200 * MS, 2, 0, "AAAAAAAD", "0, 500 700" },
    /* What is older than `span` is in none. */
    { 600 * MS, 2, 400 * MS, "AAAAAAD", "0, 400 600" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const ClipCase *c = &cases[i];
    Bench *b = scene_new (c->scenes);

    g_object_set (b->element, "min-interval", c->min, "frames", c->n_frames,
        "span", c->span, NULL);
    bench_push_range (b, 0, (guint) strlen (c->scenes) + 1);
    bench_eos (b);
    g_test_message ("case %u", i);
    assert_answers (b, c->want);
    bench_end (b);
  }
}

/* Nothing was shown for longer than `span`. */
static void
test_hole (void)
{
  Bench *b = scene_new ("AAAD");

  g_object_set (b->element, "frames", 3, "span", 300 * MS, NULL);
  bench_push_range (b, 0, 3);
  bench_push_range (b, 10, 11);
  bench_eos (b);
  assert_answers (b, "0, 1000");
  bench_end (b);
}

/* Each frame is copied and encoded once, whatever it is for. */
static void
test_reuse (void)
{
  Bench *b = scene_new ("AADDAADDAA");

  g_object_set (b->element, "frames", 3, "span", 300 * MS, "max-interval",
      200 * MS, NULL);
  bench_push_range (b, 0, 10);
  bench_eos (b);
  assert_answers (b, "0, 0 100 200, 200 300 400, 400 500 600, 600 700 800");
  g_assert_cmpuint (bench_stat (b, "frames-sampled"), ==, 10);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), <=, 10);
  g_assert_cmpuint (bench_stat (b, "frames-reused"), ==, 4);
  bench_end (b);
}

/* `start` and `end` are those of the frames. */
static void
test_start_end (void)
{
  Bench *b = scene_new ("AAAAD");
  g_autoptr (GstStructure) first = NULL, second = NULL;

  g_object_set (b->element, "frames", 2, "span", 400 * MS, NULL);
  bench_push_range (b, 0, 5);
  bench_eos (b);
  first = bench_answer (b, 0);
  second = bench_answer (b, 0);
  g_assert_nonnull (second);
  g_assert_cmpuint (structure_uint64 (first, "start"), ==, 0);
  g_assert_cmpuint (structure_uint64 (first, "end"), ==, 0);
  g_assert_cmpuint (structure_uint64 (second, "start"), ==, 200 * MS);
  g_assert_cmpuint (structure_uint64 (second, "end"), ==, 400 * MS);
  bench_end (b);
}

/* ---- the video ---------------------------------------------------------- */

/* The time of the answer on each buffer that has left, or -1. */
static void
assert_metas (Bench *b, const int *want, guint n)
{
  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = bench_pull (b);
    const GstStructure *meta = gst_owl2_meta_get (buffer);

    g_assert_nonnull (meta);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    g_assert_cmpint (
        (int) (structure_uint64 (meta, "start") / MS), ==, want[i]);
    gst_buffer_unref (buffer);
  }
}

/* The stream waits until it is known whether there is an answer, and for that:
 * it is on the very frame, however long the engine takes, with a queue in the
 * element or without. */
static void
test_place (void)
{
  static const int want[] = { 0, 0, 0, 300, 300, 300, 600, 600 };
  static const FakeCall calls[] = { FAKE_ENCODE, FAKE_DISTANCE, FAKE_GENERATE };

  for (guint i = 0; i < 2 * (G_N_ELEMENTS (calls) + 1); i++) {
    Bench *b = scene_new ("AAADDDAA");

    g_object_set (
        b->element, "max-queue-time", i % 2 ? 2000 * MS : (guint64) 0, NULL);
    if (i / 2 < G_N_ELEMENTS (calls))
      fake_set_delay (calls[i / 2], 2000);
    bench_push_range (b, 0, 8);
    bench_eos (b);
    assert_metas (b, want, 8);
    assert_answers (b, "0, 300, 600");
    bench_end (b);
  }
}

/* Nothing leaves from the frame on that is being compared. */
static void
test_undecided (void)
{
  Bench *b = scene_new ("A");

  g_object_set (b->element, "max-queue-time", 2000 * MS, NULL);
  fake_set_gate (FAKE_DISTANCE, TRUE);
  bench_push_range (b, 0, 6);
  fake_wait_calls (FAKE_DISTANCE, 1);
  for (guint i = 0; i < 2; i++)
    gst_buffer_unref (bench_pull (b));
  g_assert_null (gst_harness_try_pull (b->h));
  fake_set_gate (FAKE_DISTANCE, FALSE);
  bench_eos (b);
  for (guint i = 2; i < 6; i++)
    gst_buffer_unref (bench_pull (b));
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 1);
  bench_end (b);
}

/* While one frame is awaited, the engine is given those after it, too: it takes
 * four together. */
static void
test_together (void)
{
  Bench *b = scene_new ("A");

  g_object_set (b->element, "max-queue-time", 2000 * MS, NULL);
  bench_push_range (b, 0, 1);
  bench_wait_stat (b, "clips-answered", 1);
  fake_set_gate (FAKE_ENCODE, TRUE);
  bench_push_range (b, 2, 8);
  fake_wait_frames (1 + 4);
  fake_set_gate (FAKE_ENCODE, FALSE);
  bench_eos (b);
  for (guint i = 0; i < 7; i++)
    gst_buffer_unref (bench_pull (b));
  assert_answers (b, "0");
  bench_end (b);
}

/* ---- what begins anew --------------------------------------------------- */

static void
test_flush (void)
{
  Bench *b = scene_new ("A");
  BenchCall *call;
  guint n;

  bench_push_range (b, 0, 4);
  assert_answers (b, "0");
  bench_flush_start (b);
  bench_flush_stop (b);
  bench_push_range (b, 4, 8);
  assert_answers (b, "400");
  /* While a frame is compared, which ends at once. */
  n = fake_n_calls (FAKE_DISTANCE);
  fake_set_gate (FAKE_DISTANCE, TRUE);
  call = bench_push_async (b, 8);
  fake_wait_calls (FAKE_DISTANCE, n + 1);
  bench_flush_start (b);
  bench_call_finish (call);
  bench_flush_stop (b);
  fake_set_gate (FAKE_DISTANCE, FALSE);
  bench_push_range (b, 9, 12);
  assert_answers (b, "900");
  bench_end (b);
}

/* Also one that goes on where the last one ended. */
static void
test_segment (void)
{
  Bench *b = scene_new ("A");

  bench_push_range (b, 0, 4);
  bench_new_segment (b);
  bench_push_range (b, 4, 8);
  assert_answers (b, "0, 400");
  bench_end (b);

  /* One that goes back, as far as a part of the span: its frames are new. */
  b = scene_new ("AAAAAD");
  g_object_set (b->element, "frames", 2, "span", 600 * MS, NULL);
  bench_push_range (b, 0, 5);
  bench_new_segment (b);
  bench_push_range (b, 2, 6);
  bench_eos (b);
  assert_answers (b, "0, 200, 200 500");
  bench_end (b);
}

/* Back in time; the frames of before are in no clip of after. */
static void
test_jump (void)
{
  Bench *b = scene_new ("AAAAAAAAADD");

  g_object_set (b->element, "frames", 3, "span", 300 * MS, NULL);
  bench_push_range (b, 3, 9);
  bench_push_range (b, 0, 2);
  bench_push_range (b, 7, 10);
  bench_eos (b);
  assert_answers (b, "300, 0, 700 800 900");
  bench_end (b);
}

static void
test_stop (void)
{
  Bench *b = scene_new ("A");

  g_object_set (b->element, "frames", 3, "span", 300 * MS, NULL);
  bench_push_range (b, 0, 4);
  gst_element_set_state (b->element, GST_STATE_READY);
  /* The frame that others would be compared with is not kept. */
  g_assert_cmpuint (fake_n_features (NULL), ==, 0);
  bench_end (b);
}

static void
test_trigger (void)
{
  Bench *b = scene_new ("A");

  bench_push_range (b, 0, 4);
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_INTERVAL, "interval",
      200 * MS, NULL);
  bench_push_range (b, 4, 8);
  g_object_set (b->element, "trigger", SCENE, NULL);
  bench_push_range (b, 8, 12);
  bench_eos (b);
  assert_answers (b, "0, 500, 700, 800");
  bench_end (b);
}

/* Backwards from a second: the frames of a clip go forwards to the model. */
static void
test_reverse (void)
{
  Bench *b = scene_new ("AAAAAADDDD");
  GstSegment segment;

  g_object_set (b->element, "frames", 3, "span", 300 * MS, NULL);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = -1;
  segment.stop = segment.position = GST_SECOND;
  gst_harness_push_event (b->h, gst_event_new_segment (&segment));
  for (guint i = 10; i > 0; i--)
    g_assert_cmpint (bench_push (b, i - 1), ==, GST_FLOW_OK);
  bench_eos (b);
  assert_answers (b, "900, 500 600 700");
  bench_end (b);
}

/* ---- a stream that does not wait ---------------------------------------- */

/* While the model is busy the newest frame waits; nobody is told of those that
 * did not, and the one that waited is compared. */
static void
test_drop (void)
{
  Bench *b;

  fake_set_scenes ("AAAAAAAAAD");
  b = bench_new (TRUE, "trigger", SCENE, "min-interval", 200 * MS, NULL);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 0);
  fake_wait_calls (FAKE_GENERATE, 1);
  bench_push_range (b, 1, 10);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_wait_stat (b, "clips-answered", 2);
  bench_push_range (b, 10, 12);
  bench_eos (b);
  assert_answers (b, "0, 900");
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 0);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  bench_end (b);
}

/* The first frame of what begins anew may be passed over: the next is then. */
static void
test_drop_first (void)
{
  Bench *b;

  fake_set_scenes ("A");
  b = bench_new (TRUE, "trigger", SCENE, "min-interval", 200 * MS, NULL);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 0);
  fake_wait_calls (FAKE_GENERATE, 1);
  bench_new_segment (b);
  bench_push_range (b, 1, 5);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_wait_stat (b, "clips-answered", 2);
  bench_eos (b);
  assert_answers (b, "0, 400");
  bench_end (b);
}

/* ---- errors, questions, texts
 * ------------------------------------------------ */

/* A frame that can't be compared, or encoded, is passed over with a warning; so
 * is an answer that can't be had, and the frame after it is compared with the
 * last one that was answered. */
static void
test_lost (void)
{
  static const FakeCall calls[] = { FAKE_DISTANCE, FAKE_ENCODE, FAKE_GENERATE };

  for (guint i = 0; i < G_N_ELEMENTS (calls); i++) {
    Bench *b = scene_new ("AADDDD");

    /* Frame 1 comes too early, and is encoded all the same. */
    bench_push_range (b, 0, 2);
    bench_wait_stat (b, "frames-encoded", 2);
    fake_fail (calls[i], 1, OWL2_ERROR_NO_MEMORY);
    bench_push_range (b, 2, 6);
    bench_eos (b);
    assert_answers (b, "0, 300");
    g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 1);
    bench_end (b);
  }
}

static void
test_fatal (void)
{
  Bench *b = scene_new ("A");

  fake_fail (FAKE_DISTANCE, 1, OWL2_ERROR_BAD_FILE);
  bench_push_range (b, 0, 2);
  g_assert_cmpint (bench_push (b, 2), ==, GST_FLOW_ERROR);
  gst_message_unref (bench_message (b, GST_MESSAGE_ERROR));
  bench_end (b);
}

/* About the frame of now, whatever was decided on it; scenes go on. */
static void
test_ask (void)
{
  Bench *b = scene_new ("AAAADDD");
  guint64 id = 0;

  bench_push_range (b, 0, 4);
  g_signal_emit_by_name (b->element, "ask", "Who?", &id);
  g_assert_cmpuint (id, ==, 2);
  bench_wait_stat (b, "clips-answered", 2);
  bench_push_range (b, 4, 7);
  bench_eos (b);
  assert_answers (b, "0, 300, 400");
  bench_end (b);
}

/* The same frames are answered however long each call takes. */
static void
test_timing (void)
{
  static const char *scenes = "AACCCAFFFFFBBAAADDDDDDHHHAAA";
  g_autofree char *first = NULL;

  for (guint i = 0; i < 6; i++) {
    Bench *b = scene_new (scenes);
    g_autofree char *got = NULL;

    g_object_set (b->element, "max-queue-time", 2000 * MS, "frames", 2, "span",
        200 * MS, "max-interval", 600 * MS, NULL);
    if (i) {
      fake_set_delay (FAKE_ENCODE, i * 1500 % 4000);
      fake_set_delay (FAKE_DISTANCE, i * 2500 % 6000);
      fake_set_delay (FAKE_GENERATE, i * 700 % 2000);
    }
    bench_push_range (b, 0, (guint) strlen (scenes));
    bench_eos (b);
    for (guint k = 0; k < strlen (scenes); k++)
      gst_buffer_unref (bench_pull (b));
    got = answers (b);
    if (!first)
      first = g_strdup (got);
    g_assert_cmpstr (got, ==, first);
    bench_end (b);
  }
  g_assert_cmpstr (first, ==,
      "0, 100 200, 400 500, 600 700, 1000 1100, 1500 1600, 2100 2200, "
      "2400 2500");
}

static void
add_tests (void)
{
  g_test_add_func ("/scene/changes", test_changes);
  g_test_add_func ("/scene/threshold", test_threshold);
  g_test_add_func ("/scene/slow-change", test_slow_change);
  g_test_add_func ("/scene/min-interval", test_min_interval);
  g_test_add_func ("/scene/odd", test_odd);
  g_test_add_func ("/scene/max-interval", test_max_interval);
  g_test_add_func ("/scene/max-after-change", test_max_after_change);
  g_test_add_func ("/scene/rare-frames", test_rare_frames);
  g_test_add_func ("/scene/clips", test_clips);
  g_test_add_func ("/scene/hole", test_hole);
  g_test_add_func ("/scene/reuse", test_reuse);
  g_test_add_func ("/scene/start-end", test_start_end);
  g_test_add_func ("/scene/place", test_place);
  g_test_add_func ("/scene/undecided", test_undecided);
  g_test_add_func ("/scene/together", test_together);
  g_test_add_func ("/scene/flush", test_flush);
  g_test_add_func ("/scene/segment", test_segment);
  g_test_add_func ("/scene/jump", test_jump);
  g_test_add_func ("/scene/stop", test_stop);
  g_test_add_func ("/scene/trigger", test_trigger);
  g_test_add_func ("/scene/reverse", test_reverse);
  g_test_add_func ("/scene/drop", test_drop);
  g_test_add_func ("/scene/drop-first", test_drop_first);
  g_test_add_func ("/scene/lost", test_lost);
  g_test_add_func ("/scene/fatal", test_fatal);
  g_test_add_func ("/scene/ask", test_ask);
  g_test_add_func ("/scene/timing", test_timing);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
