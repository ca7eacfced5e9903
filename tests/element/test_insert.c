/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The element comes into a pipeline that plays, and goes again. */
#include "bench.h"

#define FPS 100
#define FRAME (GST_SECOND / FPS)

typedef struct {
  GMutex lock; /* of all below */
  GCond cond;
  guint64 n_frames, n_gaps; /* at the sink */
  guint64 n_passed;         /* through the element */
  GstClockTime next_pts;
  gint64 came_us, first_us; /* of the element's first frame: arrival, stay */
  gboolean done;            /* what was to be done while the pad was blocked */

  GstElement *pipeline, *before, *after, *owl;
  gboolean in;
} Play;

static GstPadProbeReturn
count_frame (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Play *play = user_data;
  const GstClockTime pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));

  g_mutex_lock (&play->lock);
  play->n_gaps += play->n_frames > 0 && pts != play->next_pts;
  play->next_pts = pts + FRAME;
  play->n_frames++;
  g_cond_broadcast (&play->cond);
  g_mutex_unlock (&play->lock);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
note_arrival (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Play *play = user_data;

  g_mutex_lock (&play->lock);
  play->came_us = g_get_monotonic_time ();
  g_mutex_unlock (&play->lock);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
note_leaving (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Play *play = user_data;

  g_mutex_lock (&play->lock);
  if (play->n_passed++ == 0)
    play->first_us = g_get_monotonic_time () - play->came_us;
  g_cond_broadcast (&play->cond);
  g_mutex_unlock (&play->lock);
  return GST_PAD_PROBE_OK;
}

static void
add_probe (GstElement *element, const char *name, GstPadProbeCallback callback,
    Play *play)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, play, NULL);
}

/* As an application does it, while no data flows over the pad. */
static GstPadProbeReturn
exchange (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Play *play = user_data;

  if (!play->in) {
    gst_element_unlink (play->before, play->after);
    gst_bin_add (GST_BIN (play->pipeline), play->owl);
    g_assert_true (
        gst_element_link_many (play->before, play->owl, play->after, NULL));
    g_assert_true (gst_element_sync_state_with_parent (play->owl));
  } else {
    gst_element_unlink_many (play->before, play->owl, play->after, NULL);
    gst_bin_remove (GST_BIN (play->pipeline), play->owl);
    gst_element_set_state (play->owl, GST_STATE_NULL);
    g_assert_true (gst_element_link (play->before, play->after));
  }
  play->in = !play->in;
  g_mutex_lock (&play->lock);
  play->done = TRUE;
  g_cond_broadcast (&play->cond);
  g_mutex_unlock (&play->lock);
  return GST_PAD_PROBE_REMOVE;
}

static void
exchange_now (Play *play)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (play->before, "src");

  play->done = FALSE;
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_IDLE, exchange, play, NULL);
  WAIT_FOR (play, play->done);
}

/* No frame is lost, and none waits for the model. Nor, where that is preloaded,
 * for the search for its file and device. */
static void
test_insert (gconstpointer data)
{
  const gboolean preload = GPOINTER_TO_INT (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstBus) bus = NULL;
  Play play = { 0 };
  guint64 n;

  g_mutex_init (&play.lock);
  g_cond_init (&play.cond);
  play.pipeline = gst_parse_launch (
      "videotestsrc is-live=true ! "
      "video/x-raw,format=RGB,width=8,height=6,framerate=100/1 ! "
      "identity name=before ! identity name=after ! "
      "fakesink name=sink sync=false async=false",
      &error);
  g_assert_no_error (error);
  bus = gst_element_get_bus (play.pipeline);
  play.before = gst_bin_get_by_name (GST_BIN (play.pipeline), "before");
  play.after = gst_bin_get_by_name (GST_BIN (play.pipeline), "after");
  play.owl = gst_object_ref_sink (gst_element_factory_make ("owl2", NULL));
  g_object_set (play.owl, "interval", 5 * FRAME, "nice", 0, NULL);
  add_probe (play.after, "sink", count_frame, &play);
  add_probe (play.owl, "sink", note_arrival, &play);
  add_probe (play.owl, "src", note_leaving, &play);

  gst_element_set_state (play.pipeline, GST_STATE_PLAYING);
  WAIT_FOR (&play, play.n_frames > 10);
  /* The model is being loaded all the time. */
  fake_set_gate (FAKE_LOAD, TRUE);
  g_object_set (play.owl, "preload", preload, NULL);
  if (preload)
    gst_element_set_state (play.owl, GST_STATE_READY);
  g_assert_cmpuint (fake_n_calls (FAKE_OPEN), ==, preload);
  exchange_now (&play);
  g_assert_cmpuint (fake_n_calls (FAKE_OPEN), ==, 1);
  WAIT_FOR (&play, play.n_passed > 50);
  g_assert_cmpuint (fake_n_calls (FAKE_GENERATE), ==, 0);
  fake_set_gate (FAKE_LOAD, FALSE);
  fake_wait_calls (FAKE_GENERATE, 3);
  exchange_now (&play);
  g_mutex_lock (&play.lock);
  n = play.n_frames;
  g_mutex_unlock (&play.lock);
  WAIT_FOR (&play, play.n_frames > n + 10);
  exchange_now (&play);
  fake_wait_calls (FAKE_GENERATE, fake_n_calls (FAKE_GENERATE) + 3);

  gst_element_set_state (play.pipeline, GST_STATE_NULL);
  g_test_message ("%" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT
                  " of them through the element, the first in %d us",
      play.n_frames, play.n_passed, (int) play.first_us);
  g_assert_cmpuint (play.n_gaps, ==, 0);
  for (GstMessage *m; (m = gst_bus_pop (bus)); gst_message_unref (m))
    g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
  g_clear_object (&play.before);
  g_clear_object (&play.after);
  g_clear_object (&play.owl);
  gst_object_unref (play.pipeline);
  g_mutex_clear (&play.lock);
  g_cond_clear (&play.cond);
  fake_reset ();
}

static void
add_tests (void)
{
  g_test_add_data_func ("/insert/plain", GINT_TO_POINTER (0), test_insert);
  g_test_add_data_func ("/insert/preload", GINT_TO_POINTER (1), test_insert);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
