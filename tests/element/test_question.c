/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions: the signal, their turn, their bounds, and trigger=question. */
#include "bench.h"
#include "gstowl2run.h"

#define QUESTION 2

static guint64
ask (Bench *b, const char *question)
{
  guint64 id = 0;

  g_signal_emit_by_name (b->element, "ask", question, &id);
  return id;
}

static void
assert_answer (Bench *b, guint64 id, const char *prompt, const char *want)
{
  g_autoptr (GstStructure) s = bench_answer (b, 20 * GST_SECOND);
  g_autofree char *times = NULL;

  g_assert_nonnull (s);
  times = structure_times (s);
  g_assert_cmpuint (structure_uint64 (s, "id"), ==, id);
  g_assert_cmpstr (gst_structure_get_string (s, "prompt"), ==, prompt);
  g_assert_cmpstr (times, ==, want);
}

/* Nothing is answered but questions, about the newest frames. */
static void
test_trigger (void)
{
  Bench *b = bench_new (TRUE, "trigger", QUESTION, "interval", 200 * MS,
      "frames", 2, "prompt", "never", NULL);
  guint64 id;

  g_assert_cmpuint (ask (b, "too early?"), ==, 0);
  gst_message_unref (bench_message (b, GST_MESSAGE_WARNING));
  bench_push_range (b, 0, 5);
  id = ask (b, "What </s>?");
  g_assert_cmpuint (id, ==, 1);
  assert_answer (b, id, "What </s>?", "300 400");
  /* It went to the engine as plain text, which the fake one shows so. */
  g_assert_cmpstr (
      fake_request (0).prompt, ==, "USER: <|image|>[What </s>?] ASSISTANT:");
  g_assert_cmpuint (ask (b, ""), ==, 0);
  gst_message_unref (bench_message (b, GST_MESSAGE_WARNING));
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 1);
  bench_end (b);
}

/* Before the clips that wait, and none is dropped for it or drops it. */
static void
test_out_of_turn (void)
{
  Bench *b = bench_new (TRUE, "interval", 100 * MS, "prompt", "clip", NULL);
  guint64 id;

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 0);
  fake_wait_calls (FAKE_GENERATE, 1);
  bench_push (b, 1);
  id = ask (b, "Who?");
  g_assert_cmpuint (id, ==, 2);
  fake_set_gate (FAKE_GENERATE, FALSE);
  assert_answer (b, 1, "clip", "0");
  assert_answer (b, 2, "Who?", "100");
  assert_answer (b, 3, "clip", "100");
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 0);
  bench_end (b);
}

static void
test_bound (void)
{
  Bench *b = bench_new (TRUE, "trigger", QUESTION, NULL);

  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push (b, 0);
  g_assert_cmpuint (ask (b, "first"), ==, 1);
  fake_wait_calls (FAKE_GENERATE, 1);
  for (guint i = 0; i < GST_OWL2_MAX_ASKED; i++)
    g_assert_cmpuint (ask (b, "more"), ==, i + 2);
  g_assert_cmpuint (ask (b, "one too many"), ==, 0);
  gst_message_unref (bench_message (b, GST_MESSAGE_WARNING));
  /* A flush drops them all, and what they were about. */
  bench_flush_start (b);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_flush_stop (b);
  g_assert_cmpuint (ask (b, "about what?"), ==, 0);
  bench_push (b, 0);
  g_assert_cmpuint (ask (b, "again"), !=, 0);
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 1);
  bench_end (b);
}

/* Each answer has a stream of its own, the same in each run. */
static void
test_seed (void)
{
  guint64 seeds[2][3];

  for (guint run = 0; run < 2; run++) {
    Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);

    bench_push_range (b, 0, 2);
    g_assert_cmpuint (ask (b, "Other?"), ==, 3);
    bench_eos (b);
    for (guint i = 0; i < 3; i++)
      seeds[run][i] = fake_request (i).sampling.seed;
    bench_end (b);
  }
  g_assert_cmpmem (seeds[0], sizeof (seeds[0]), seeds[1], sizeof (seeds[1]));
  g_assert_cmpuint (seeds[0][0], !=, seeds[0][1]);
  g_assert_cmpuint (seeds[0][1], !=, seeds[0][2]);
}

/* Asks, and gives the prompt that the engine got for it. (transfer full) */
static char *
prompt_after (Bench *b, guint i, const char *question)
{
  guint64 id = ask (b, question);
  g_autoptr (GstStructure) s = bench_answer (b, 20 * GST_SECOND);

  g_assert_nonnull (s);
  g_assert_cmpuint (structure_uint64 (s, "id"), ==, id);
  return g_strdup (fake_request (i).prompt);
}

/* Earlier turns are plain text, the newest of them, as many as are wanted and
 * have room; a flush forgets them. */
static void
test_history (void)
{
  Bench *b = bench_new (TRUE, "trigger", QUESTION, "history", 2, NULL);
  g_autofree char *first = NULL, *second = NULL, *fourth = NULL, *fifth = NULL;
  g_autofree char *turn = NULL, *want = NULL, *short_want = NULL, *last = NULL;

  bench_push_range (b, 0, 2);
  first = prompt_after (b, 0, "One?");
  g_assert_cmpstr (first, ==, "USER: <|image|>[One?] ASSISTANT:");
  second = prompt_after (b, 1, "Two?");
  turn = g_strndup (second + strlen (first),
      (gsize) (strstr (second, "</s>") - second) - strlen (first));
  g_assert_true (g_str_has_prefix (turn, " ["));
  want = g_strdup_printf ("%s%s</s>USER: [Two?] ASSISTANT:", first, turn);
  g_assert_cmpstr (second, ==, want);

  g_free (prompt_after (b, 2, "Three?"));
  fourth = prompt_after (b, 3, "Four?");
  g_assert_null (strstr (fourth, "One?"));
  g_assert_nonnull (strstr (fourth, "<|image|>[Two?]"));
  g_assert_nonnull (strstr (fourth, "USER: [Three?]"));

  /* Room for one turn. */
  fake_set_room ((guint) strlen (fourth) - 1);
  fifth = prompt_after (b, 4, "Five?");
  short_want = g_strdup_printf ("USER: <|image|>[Four?] ASSISTANT:%s</s>"
                                "USER: [Five?] ASSISTANT:",
      turn);
  g_assert_cmpstr (fifth, ==, short_want);
  fake_set_room (0);

  bench_flush_start (b);
  bench_flush_stop (b);
  bench_push_range (b, 0, 2);
  last = prompt_after (b, 5, "Six?");
  g_assert_cmpstr (last, ==, "USER: <|image|>[Six?] ASSISTANT:");
  bench_eos (b);
  bench_end (b);
}

/* The frames' place stands once, in the first turn, wherever the prompt has it.
 * A prompt that has two is refused for that, and no turn is dropped for it. */
static void
test_place (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * MS, "history", 2, "prompt",
      "A <|image|> B?", NULL);
  g_autofree char *want = NULL;

  fake_set_n_tokens (1);
  bench_push_range (b, 0, 3);
  g_assert_cmpuint (bench_n_answers (b), ==, 3);
  g_assert_cmpstr (
      fake_request (0).prompt, ==, "USER: A <|image|> B? ASSISTANT:");
  want = g_strdup_printf ("%s [images 0]</s>USER: A  B? ASSISTANT:"
                          " [images 1]</s>USER: A  B? ASSISTANT:",
      fake_request (0).prompt);
  g_assert_cmpstr (fake_request (2).prompt, ==, want);

  bench_flush_start (b);
  bench_flush_stop (b);
  g_object_set (b->element, "prompt", "<|image|> or <|image|>?", NULL);
  bench_push (b, 0);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 1);
  g_object_set (b->element, "prompt", "What?", NULL);
  bench_push (b, 1);
  g_assert_cmpstr (
      fake_request (4).prompt, ==, "USER: <|image|>What? ASSISTANT:");
  bench_eos (b);
  bench_end (b);
}

/* The newest frames of a stream that is played backwards, forwards. */
static void
test_reverse (void)
{
  Bench *b = bench_new (
      TRUE, "trigger", QUESTION, "interval", 300 * MS, "frames", 3, NULL);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = -1;
  segment.stop = segment.position = GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  for (guint i = 10; i > 5; i--)
    g_assert_cmpint (bench_push (b, i - 1), ==, GST_FLOW_OK);
  assert_answer (b, ask (b, "What?"), "What?", "500 600 700");
  bench_eos (b);
  bench_end (b);
}

/* The seed is one of the things that an answer depends on. */
static void
test_seeds_differ (void)
{
  guint64 got[3];

  for (guint i = 0; i < 3; i++) {
    Bench *b = bench_new (FALSE, "seed", (guint64) (i % 2), NULL);

    bench_push (b, 0);
    got[i] = fake_request (0).sampling.seed;
    bench_eos (b);
    bench_end (b);
  }
  g_assert_cmpuint (got[0], !=, got[1]);
  g_assert_cmpuint (got[0], ==, got[2]);
}

static void
add_tests (void)
{
  g_test_add_func ("/question/trigger", test_trigger);
  g_test_add_func ("/question/out-of-turn", test_out_of_turn);
  g_test_add_func ("/question/bound", test_bound);
  g_test_add_func ("/question/seed", test_seed);
  g_test_add_func ("/question/history", test_history);
  g_test_add_func ("/question/place", test_place);
  g_test_add_func ("/question/reverse", test_reverse);
  g_test_add_func ("/question/seeds-differ", test_seeds_differ);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
