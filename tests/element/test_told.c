/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the debug log and gst-inspect-1.0 tell. */
#include "bench.h"

#include <string.h>

#define QUESTION "Who is there?"

/* (transfer full): the text of one answer, logged on standard error. */
static char *
answer_once (GstDebugLevel level)
{
  Bench *b;
  g_autoptr (GstStructure) answer = NULL;
  char *text;

  gst_debug_set_threshold_for_name ("owl2", level);
  b = bench_new (FALSE, "prompt", QUESTION, NULL);
  bench_push (b, 0);
  answer = bench_answer (b, 20 * GST_SECOND);
  text = g_strdup (gst_structure_get_string (answer, "text"));
  bench_eos (b);
  bench_end (b);
  return text;
}

/* At DEBUG the log has each answer, whose it is, and where its time went. */
static void
test_debug (void)
{
  g_autofree char *text = NULL, *want = NULL;

  if (g_test_subprocess ()) {
    g_free (answer_once (GST_LEVEL_DEBUG));
    return;
  }
  text = answer_once (GST_LEVEL_NONE);
  g_assert_cmpuint (strlen (text), >, 0);
  want = g_strdup_printf ("*owl2-0: answer 1 to 0:00:00.000000000*\"%s\"*"
                          "owl2-0: answer 1 took*ms until it was begun*",
      text);
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr (want);
}

/* Above DEBUG it has nothing of question and answer. */
static void
test_info (void)
{
  g_autofree char *text = NULL, *want = NULL;

  if (g_test_subprocess ()) {
    g_free (answer_once (GST_LEVEL_INFO));
    return;
  }
  text = answer_once (GST_LEVEL_NONE);
  want = g_strdup_printf ("*%s*", text);
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr_unmatched (want);
  g_test_trap_assert_stderr_unmatched ("*" QUESTION "*");
}

/* What gst-inspect-1.0 shows of the element. */
static void
test_metadata (void)
{
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstElement) element = bench_element (&bus);
  GstElementClass *klass = GST_ELEMENT_GET_CLASS (element);

  g_assert_cmpstr (
      gst_element_class_get_metadata (klass, GST_ELEMENT_METADATA_KLASS), ==,
      "Filter/Analyzer/Video");
  g_assert_true (g_str_has_suffix (
      gst_element_class_get_metadata (klass, GST_ELEMENT_METADATA_DOC_URI),
      "README.md"));
  g_assert_nonnull (
      gst_element_class_get_metadata (klass, GST_ELEMENT_METADATA_AUTHOR));
}

static void
add_tests (void)
{
  g_test_add_func ("/told/debug", test_debug);
  g_test_add_func ("/told/info", test_info);
  g_test_add_func ("/told/metadata", test_metadata);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
