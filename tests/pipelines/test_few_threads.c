/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real element on a system that gives no more threads, which is how a limit
 * of processes looks: its n-th thread fails, and then all from the n-th on, for
 * n = 1 until none fails. Each time there are answers, or one error and
 * silence; never a signal, and never a wait for ever. */
#include <gst/gst.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_S 120
#define MOST_THREADS 100

enum { ANSWERED, ANSWERED_ALL, REFUSED, WRONG };

typedef int (*Create) (
    pthread_t *, const pthread_attr_t *, void *(*) (void *), void *);

static int n_calls; /* atomic */
static int fail_at;
static gboolean fail_after;

/* In place of the library's, for the libraries too. */
__attribute__ ((visibility ("default"))) int
pthread_create (pthread_t *thread, const pthread_attr_t *attr,
    void *(*func) (void *), void *data)
{
  static Create real;
  const int n = g_atomic_int_add (&n_calls, 1) + 1;

  if (!real)
    real = (Create) dlsym (RTLD_NEXT, "pthread_create");
  if (fail_at && (n == fail_at || (fail_after && n > fail_at)))
    return EAGAIN;
  return real (thread, attr, func, data);
}

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
      "video/x-raw,format=RGB,width=64,height=64,framerate=1/1");
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (src, gst_event_new_stream_start ("test"));
  gst_pad_push_event (src, gst_event_new_caps (caps));
  gst_pad_push_event (src, gst_event_new_segment (&segment));
  for (guint i = 0; i < 2; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, 64 * 64 * 3, NULL);

    gst_buffer_memset (buffer, 0, 0x40, 64 * 64 * 3);
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

/* In a process of its own, without a thread but the element's: two pictures
 * through the element. */
static int
answer_two (void)
{
  g_autoptr (GstBus) bus = NULL;
  guint n_answers = 0, n_errors = 0;
  GstClockTime limit = 0;
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
    limit = LIMIT_S * GST_SECOND;
  }
  /* The answers come while the video is held. */
  while ((message = gst_bus_timed_pop (
              bus, n_answers < 2 && !n_errors ? limit : 0))) {
    g_autoptr (GError) error = NULL;

    n_answers += gst_message_has_name (message, "owl2-answer");
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error (message, &error, NULL);
      g_print ("# %s\n", error->message);
      n_errors++;
    }
    gst_message_unref (message);
  }
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_object_unref (src);
  gst_object_unref (sink);
  if (n_answers == 2 && !n_errors)
    return n_calls >= fail_at ? ANSWERED : ANSWERED_ALL;
  return n_errors == 1 ? REFUSED : WRONG;
}

/* How it ended with this limit. */
static int
try (int at, gboolean after)
{
  pid_t child = fork ();
  int status = 0;

  g_assert_cmpint (child, >=, 0);
  if (child == 0) {
    alarm (LIMIT_S);
    fail_at = at;
    fail_after = after;
    status = answer_two ();
    fflush (NULL);
    _exit (status);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFSIGNALED (status))
    g_error ("thread %d%s: ended by signal %d", at, after ? " and later" : "",
        WTERMSIG (status));
  g_assert_true (WIFEXITED (status));
  g_test_message ("thread %d%s: %s", at, after ? " and later" : "",
      WEXITSTATUS (status) == REFUSED ? "an error" : "answers");
  return WEXITSTATUS (status);
}

static void
test_threads (gconstpointer data)
{
  const gboolean after = GPOINTER_TO_INT (data);
  guint n_refused = 0;

  for (int n = 1; n < MOST_THREADS; n++) {
    const int how = try (n, after);

    if (how == ANSWERED_ALL) {
      g_assert_cmpuint (n_refused, >, 0);
      return;
    }
    if (how != ANSWERED && how != REFUSED)
      g_error ("thread %d: neither answers nor an error", n);
    n_refused += how == REFUSED;
  }
  g_error ("there is no end of threads");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func (
      "/few-threads/once", GINT_TO_POINTER (FALSE), test_threads);
  g_test_add_data_func (
      "/few-threads/from", GINT_TO_POINTER (TRUE), test_threads);
  return g_test_run ();
}
