/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real element is stopped at random moments of its load and of answers: the
 * stop returns at once, whatever the driver is at, and afterwards no thread of
 * the model is left. */
#include <gst/gst.h>

#include <sys/resource.h>

/* Of a stop. */
#define LIMIT_US (G_USEC_PER_SEC / 10)
/* A thread that is as nice as the model's is late by this much where the
 * machine has no time for it: then a stop says nothing. */
#define BUSY_US (G_USEC_PER_SEC / 100)
#define GONE_US (20 * G_USEC_PER_SEC)
#define MOMENTS 6
#define LONG_MOMENTS 1000

static guint
n_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static GstElement *
play (void)
{
  GstElement *pipeline = gst_parse_launch (
      "videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! owl2"
      " interval=10000000 when-busy=drop ! fakesink",
      NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  return pipeline;
}

static gint latest_us; /* atomic */

static gpointer
control (gpointer data)
{
  setpriority (PRIO_PROCESS, 0, 19);
  for (;;) {
    const gint64 start = g_get_monotonic_time ();
    gint late;

    g_usleep (1000);
    late = (gint) (g_get_monotonic_time () - start - 1000);
    if (late > g_atomic_int_get (&latest_us))
      g_atomic_int_set (&latest_us, late);
  }
  return NULL;
}

/* How long it takes, in us. */
static gint64
stop (GstElement *pipeline)
{
  const gint64 start = g_get_monotonic_time ();

  gst_element_set_state (pipeline, GST_STATE_NULL);
  return g_get_monotonic_time () - start;
}

static void
test_moments (void)
{
  const char *text = g_getenv ("OWL2_LONG");
  const guint n_moments = text && *text ? LONG_MOMENTS : MOMENTS;
  const gint64 start = g_get_monotonic_time ();
  GstElement *pipeline = play ();
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  guint n_before, n_late = 0, n_busy = 0, n = 0;
  gint64 most = 0, answered;

  /* The first time is the longest: up to some answers. */
  while (n < 3) {
    g_autoptr (GstMessage) m = gst_bus_timed_pop_filtered (
        bus, 120 * GST_SECOND, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);

    g_assert_nonnull (m);
    g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
    n += gst_message_has_name (m, "owl2-answer");
  }
  answered = g_get_monotonic_time () - start;
  stop (pipeline);
  gst_object_unref (pipeline);
  g_usleep (G_USEC_PER_SEC / 5);
  g_thread_unref (g_thread_new ("control", control, NULL));
  n_before = n_threads ();
  for (guint i = 0; i < n_moments; i++) {
    const gint64 moment = (gint64) (g_test_rand_double () * (double) answered);
    gint64 end, took;

    pipeline = play ();
    g_usleep ((gulong) moment);
    g_atomic_int_set (&latest_us, 0);
    took = stop (pipeline);
    g_usleep (2 * BUSY_US); /* it tells of the whole stop */
    gst_object_unref (pipeline);
    if (g_atomic_int_get (&latest_us) > BUSY_US) {
      n_busy++;
    } else {
      most = MAX (most, took);
      n_late += took > LIMIT_US;
    }
    end = g_get_monotonic_time () + GONE_US;
    while (n_threads () > n_before && g_get_monotonic_time () < end)
      g_usleep (1000);
    g_assert_cmpuint (n_threads (), <=, n_before);
  }
  g_test_message ("%u moments of %.1f s, %u on a machine too busy to tell: the "
                  "longest stop took %.1f ms; %u threads before and after",
      n_moments, 1e-6 * (double) answered, n_busy, 1e-3 * (double) most,
      n_before);
  g_assert_cmpuint (n_late, ==, 0);
  if (n_busy == n_moments)
    g_test_skip ("other programs leave a thread that is nice no time");
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stop/moments", test_moments);
  return g_test_run ();
}
