/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several elements: whose answer is whose, on buffers and in messages. */
#include "bench.h"

/* "element: prompt (id), .." of all answers on @buffer, read as the docs show.
 */
static char *
answers_on (GstBuffer *buffer)
{
  GType api = gst_meta_get_info ("GstOwl2Meta")->api;
  GString *text = g_string_new (NULL);
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, api))) {
    GstStructure *s = gst_custom_meta_get_structure ((GstCustomMeta *) meta);

    g_string_append_printf (text, "%s%s: %s (%" G_GUINT64_FORMAT ")",
        text->len ? ", " : "", gst_structure_get_string (s, "element"),
        gst_structure_get_string (s, "prompt"), structure_uint64 (s, "id"));
  }
  return g_string_free (text, FALSE);
}

static void
expect_answers (GstBuffer *buffer, const char *want)
{
  g_autofree char *got = answers_on (buffer);

  g_assert_cmpstr (got, ==, want);
}

static GstHarness *
harness_new (const char *line)
{
  GstHarness *h = gst_harness_new_parse (line);

  gst_harness_set_live (h, FALSE);
  gst_harness_set_src_caps_str (h, BENCH_CAPS);
  return h;
}

/* (transfer full) both */
static GstBuffer *
pass (GstHarness *h, GstBuffer *buffer)
{
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  g_assert_nonnull (buffer);
  return buffer;
}

/* Each one's answer is on each buffer, also where only one of them has a new
 * one, and through others between them. */
static void
test_row (void)
{
  GstHarness *h = harness_new (
      "owl2 name=first prompt=one interval=100000000 ! videoconvert !"
      " owl2 name=second prompt=two interval=200000000 !"
      " owl2 name=third prompt=three trigger=eos");
  static const char *const want[] = { "first: one (1), second: two (1)",
    "first: one (2), second: two (1)", "first: one (3), second: two (2)" };

  for (guint i = 0; i < G_N_ELEMENTS (want); i++) {
    g_autoptr (GstBuffer) out = pass (h, bench_buffer (i));
    gpointer state = NULL;

    expect_answers (out, want[i]);
    g_assert_cmpstr (
        gst_structure_get_string (gst_owl2_meta_next (out, &state), "element"),
        ==, "first");
    g_assert_cmpstr (
        gst_structure_get_string (gst_owl2_meta_next (out, &state), "element"),
        ==, "second");
    g_assert_null (gst_owl2_meta_next (out, &state));
  }
  gst_harness_teardown (h);
  fake_reset ();
}

/* A buffer that passes again has the new answer instead of the old one. */
static void
test_again (void)
{
  GstHarness *h = harness_new ("owl2 name=a prompt=one interval=100000000 !"
                               " owl2 name=b prompt=two interval=100000000");
  GstBuffer *buffer = bench_buffer (0);

  for (guint i = 0; i < 4; i++) {
    g_autofree char *want =
        g_strdup_printf ("a: one (%u), b: two (%u)", i + 1, i + 1);

    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_PTS (buffer) = i * BENCH_STEP;
    buffer = pass (h, buffer);
    expect_answers (buffer, want);
  }
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  fake_reset ();
}

/* Behind a tee both branches have the same buffer: each sees its own answer. */
static void
test_shared (void)
{
  Bench *a = bench_new (FALSE, "prompt", "one", NULL);
  Bench *b = bench_new (FALSE, "prompt", "two", NULL);
  g_autoptr (GstBuffer) in = bench_buffer (0);
  Bench *const both[] = { a, b };
  GstBuffer *out[2];

  for (guint i = 0; i < 2; i++)
    out[i] = pass (both[i]->h, gst_buffer_ref (in));
  expect_answers (in, "");
  for (guint i = 0; i < 2; i++) {
    g_autofree char *name = gst_element_get_name (both[i]->element);
    g_autofree char *want =
        g_strdup_printf ("%s: %s (1)", name, i ? "two" : "one");
    g_autoptr (GstStructure) s = bench_answer (both[i], 0);

    expect_answers (out[i], want);
    g_assert_cmpstr (gst_structure_get_string (s, "element"), ==, name);
    g_assert_true (
        gst_buffer_peek_memory (out[i], 0) == gst_buffer_peek_memory (in, 0));
    gst_buffer_unref (out[i]);
  }
  bench_free (a);
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/row/row", test_row);
  g_test_add_func ("/row/again", test_again);
  g_test_add_func ("/row/shared", test_shared);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
