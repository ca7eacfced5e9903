/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the debug log and gst-inspect-1.0 tell. */
#include "bench.h"

#include <string.h>

typedef struct {
  GMutex lock;
  GString *text;
} Log;

static void
log_line (GstDebugCategory *category, GstDebugLevel level, const gchar *file,
    const gchar *function, gint line, GObject *object, GstDebugMessage *message,
    gpointer user_data)
{
  Log *log = user_data;

  if (strcmp (gst_debug_category_get_name (category), "owl2") != 0)
    return;
  g_mutex_lock (&log->lock);
  g_string_append_printf (log->text, "%s\n", gst_debug_message_get (message));
  g_mutex_unlock (&log->lock);
}

/* (transfer full): what the debug log says of one answer at @level, of the
 * element @name (transfer full). */
static char *
log_of_an_answer (GstDebugLevel level, char **name)
{
  Log log = { .text = g_string_new (NULL) };
  Bench *b;

  g_mutex_init (&log.lock);
  gst_debug_set_threshold_for_name ("owl2", level);
  gst_debug_add_log_function (log_line, &log, NULL);
  b = bench_new (FALSE, "prompt", "Who is there?", NULL);
  *name = gst_object_get_name (GST_OBJECT (b->element));
  bench_push (b, 0);
  bench_eos (b);
  bench_end (b);
  gst_debug_remove_log_function_by_data (&log);
  gst_debug_unset_threshold_for_name ("owl2");
  g_mutex_clear (&log.lock);
  return g_string_free (log.text, FALSE);
}

/* At DEBUG the log has each answer and where its time went; below, nothing of
 * picture, question and answer. */
static void
test_debug_log (void)
{
  g_autofree char *text = NULL, *less = NULL, *debug = NULL, *want = NULL;
  g_autofree char *name = NULL, *less_name = NULL;
  Bench *b = bench_new (FALSE, NULL);
  g_autoptr (GstStructure) answer = NULL;

  bench_push (b, 0);
  answer = bench_answer (b, 20 * GST_SECOND);
  text = g_strdup (gst_structure_get_string (answer, "text"));
  bench_eos (b);
  bench_end (b);

  less = log_of_an_answer (GST_LEVEL_INFO, &less_name);
  debug = log_of_an_answer (GST_LEVEL_DEBUG, &name);
  want = g_strdup_printf ("%s: answer 1 to 0:00:00.000000000", name);
  g_assert_nonnull (strstr (debug, text));
  g_assert_nonnull (strstr (debug, want));
  g_assert_nonnull (strstr (debug, "ms until it was begun"));
  g_assert_null (strstr (less, text));
  g_assert_null (strstr (less, "Who is there?"));
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
  g_test_add_func ("/told/debug-log", test_debug_log);
  g_test_add_func ("/told/metadata", test_metadata);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
