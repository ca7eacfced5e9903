/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real element under calls that fail: the n-th thread, large allocation,
 * call of the driver or access to a file, alone or from then on, for n = 1
 * until none fails; of what there is much of, some, and with OWL2_LONG each.
 * There are answers, or words about it; never a signal, and never a wait for
 * ever. */
#include <gst/gst.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layer.h"

#define LIMIT_S 120
#define LOOK (100 * GST_MSECOND)
/* Of a format that the element converts, in more than FAULT_LARGE. */
#define FRAME_BYTES (640 * 480 * 2)
#define MOST_CALLS 100000

/* How a child ends, a bit each. */
enum { FAILED = 1, ANSWERED = 2, LOST = 4, REFUSED = 8, WRONG = 16 };

static GstFlowReturn
swallow (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static void
push_two (GstPad *src)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (
      "video/x-raw,format=RGB16,width=640,height=480,framerate=1/1");
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (src, gst_event_new_stream_start ("test"));
  gst_pad_push_event (src, gst_event_new_caps (caps));
  gst_pad_push_event (src, gst_event_new_segment (&segment));
  for (guint i = 0; i < 2; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, FRAME_BYTES, NULL);

    gst_buffer_memset (buffer, 0, 0x40, FRAME_BYTES);
    GST_BUFFER_PTS (buffer) = i * GST_SECOND;
    GST_BUFFER_DURATION (buffer) = GST_SECOND;
    gst_pad_push (src, buffer);
  }
}

/* What GStreamer says where a task gets no thread, and nothing else. */
static gboolean
is_fatal (
    const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
  return !g_str_has_prefix (text, "failed to create thread");
}

static void
ignore (
    const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
  if (is_fatal (domain, level, text, data))
    g_log_default_handler (domain, level, text, data);
}

static guint
clips_done (GstElement *element, guint *n_lost)
{
  GstStructure *stats;
  guint64 answered = 0, dropped = 0;

  g_object_get (element, "stats", &stats, NULL);
  gst_structure_get (stats, "clips-answered", G_TYPE_UINT64, &answered,
      "clips-dropped", G_TYPE_UINT64, &dropped, NULL);
  gst_structure_free (stats);
  *n_lost = (guint) dropped;
  return (guint) (answered + dropped);
}

/* In a process of its own, without a thread but the element's: two pictures
 * through the element. @reads_model: from a file, not the embedded one. */
static int
answer_two (gboolean reads_model)
{
  guint n_answers = 0, n_errors = 0, n_warnings = 0, n_lost = 0, n_done = 0;
  guint n_unread = 0; /* pictures of which there is no clip */
  const gint64 end = g_get_monotonic_time () + LIMIT_S * G_USEC_PER_SEC;
  g_autoptr (GstBus) bus = NULL;
  gboolean plays = FALSE;
  GstElement *element;
  GstMessage *message;
  GstPad *src, *sink;

  g_test_log_set_fatal_handler (is_fatal, NULL);
  g_log_set_handler (
      "GStreamer", G_LOG_LEVEL_WARNING | G_LOG_FLAG_FATAL, ignore, NULL);
  gst_init (NULL, NULL);
  bus = gst_bus_new ();
  element = gst_element_factory_make ("owl2", NULL);
  g_assert_nonnull (element);
  gst_object_ref_sink (element);
  g_object_set (element, "max-tokens", 3, "when-busy", 1, NULL);
  if (reads_model)
    g_object_set (element, "model", g_getenv ("OWL2_TEST_MODEL"), NULL);
  gst_element_set_bus (element, bus);
  src = gst_pad_new ("out", GST_PAD_SRC);
  sink = gst_pad_new ("in", GST_PAD_SINK);
  gst_pad_set_chain_function (sink, swallow);
  gst_pad_set_active (src, TRUE);
  gst_pad_set_active (sink, TRUE);
  gst_pad_link (src, GST_PAD (element->sinkpads->data));
  gst_pad_link (GST_PAD (element->srcpads->data), sink);
  if (gst_element_set_state (element, GST_STATE_PLAYING)
      != GST_STATE_CHANGE_FAILURE) {
    push_two (src);
    plays = TRUE;
  }
  do {
    n_done = clips_done (element, &n_lost) + n_unread;
    while ((message = gst_bus_timed_pop (bus, n_done < 2 ? LOOK : 0))) {
      g_autoptr (GError) error = NULL;

      n_answers += gst_message_has_name (message, "owl2-answer");
      if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error (message, &error, NULL);
        n_errors++;
      } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
        gst_message_parse_warning (message, &error, NULL);
        n_warnings++;
        n_unread += g_str_has_prefix (error->message, "A frame can't");
      }
      if (error)
        g_print ("# %s\n", error->message);
      gst_message_unref (message);
    }
  } while (plays && n_done < 2 && !n_errors && g_get_monotonic_time () < end);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_object_unref (src);
  gst_object_unref (sink);
  n_lost += n_unread;
  if (n_errors > 1 || (n_errors == 0 && n_answers + n_lost < 2)
      || (n_lost && !n_warnings))
    return WRONG;
  return (fault_failed () ? FAILED : 0) | (n_answers ? ANSWERED : 0)
         | (n_lost ? LOST : 0) | (n_errors ? REFUSED : 0);
}

/* How it ended with this fault. */
static int
try (FaultKind kind, guint at, gboolean after, gboolean first)
{
  int status = 0;
  pid_t child;

  fflush (NULL);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0) {
    alarm (LIMIT_S);
    if (first)
      g_setenv ("XDG_CACHE_HOME", "/dev/null/none", TRUE);
    fault_set (kind, at, after);
    status = answer_two (kind == FAULT_FILE);
    g_print ("# %s: %s%s%s%s\n", fault_failed () ? fault_failed () : "none",
        status & ANSWERED ? " answers" : "", status & LOST ? " lost" : "",
        status & REFUSED ? " an error" : "", status & WRONG ? " WRONG" : "");
    fflush (NULL);
    _exit (status);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFSIGNALED (status))
    g_error ("call %u%s: ended by signal %d", at, after ? " and later" : "",
        WTERMSIG (status));
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

typedef struct {
  const char *path;
  FaultKind kind;
  gboolean after;
  guint factor; /* from one n to the next, but with OWL2_LONG; 0: each; 1: with
                 * OWL2_LONG alone */
  gboolean first; /* without a cache, so that kernels are tried */
} Row;

static const Row rows[] = {
  { "/fault/thread/once", FAULT_THREAD, FALSE, 0 },
  { "/fault/thread/from", FAULT_THREAD, TRUE, 0 },
  { "/fault/memory/once", FAULT_MEMORY, FALSE, 2, TRUE },
  { "/fault/memory/from", FAULT_MEMORY, TRUE, 4 },
  { "/fault/file/once", FAULT_FILE, FALSE, 10 },
  { "/fault/file/from", FAULT_FILE, TRUE, 1 },
  { "/fault/device-memory/once", FAULT_DEVICE_MEMORY, FALSE, 6 },
  { "/fault/device-memory/from", FAULT_DEVICE_MEMORY, TRUE, 1 },
  { "/fault/device-lost", FAULT_DEVICE_LOST, FALSE, 6 },
};

static gboolean
is_long (void)
{
  const char *text = g_getenv ("OWL2_LONG");

  return text && *text;
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  const gboolean all = !row->factor || is_long ();
  guint n_runs = 0, n_refused = 0, n_lost = 0;

  if (row->factor == 1 && !is_long ()) {
    g_test_skip ("with OWL2_LONG");
    return;
  }
  for (guint n = 1; n < MOST_CALLS;
       n = all ? n + 1 : MAX (n + 1, n * row->factor)) {
    const int how = try (row->kind, n, row->after, row->first);

    if (how & WRONG)
      g_error ("call %u: neither answers nor words", n);
    if (!(how & FAILED)) {
      g_test_message ("%s: %u of up to %u calls failed: %u errors, %u times a "
                      "clip was lost",
          row->path, n_runs, n, n_refused, n_lost);
      g_assert_cmpuint (n_refused, >, 0);
      return;
    }
    n_runs++;
    n_refused += (how & REFUSED) != 0;
    n_lost += (how & LOST) != 0;
  }
  g_error ("there is no end of calls");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_row);
  return g_test_run ();
}
