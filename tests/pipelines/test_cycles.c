/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real element from READY to PLAYING and back, again and again, with
 * answers and without: nothing may be lost in it; and if one thing is in each
 * round, the measure must tell.
 *
 * OWL2_TEST_MODEL names the model, GST_PLUGIN_PATH the plugin's folder. */
#include <fcntl.h>
#include <gst/gst.h>
#include <sys/mman.h>

#include "live.h"

/* Device, driver and GStreamer have settled by then; what was seen later is the
 * same number of bytes after each round. */
#define WARM_UP 3
#define ROUNDS 10
/* A frame in I420. */
#define WIDTH 72
#define HEIGHT 56
#define FRAME_BYTES (WIDTH * HEIGHT * 3 / 2)

/* Until there are @n_answers, or if there are fewer the stream's end. The
 * number of answers. */
static guint
wait_for (GstBus *bus, guint n_answers)
{
  guint n = 0;

  while (n < n_answers) {
    g_autoptr (GstMessage) m =
        gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND,
            GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);

    g_assert_nonnull (m);
    g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS)
      break;
    n += gst_message_has_name (m, "owl2-answer");
  }
  return n;
}

static void
set_state (GstElement *pipeline, GstState state)
{
  g_assert_cmpint (
      gst_element_set_state (pipeline, state), !=, GST_STATE_CHANGE_FAILURE);
}

/* Plays to the end and, if @stops, again to the first of the two answers, and
 * again, stopped at once. */
static void
play_round (GstElement *pipeline, GstBus *bus, gboolean stops)
{
  static const guint answers[] = { G_MAXUINT, 1, 0 };

  for (guint i = 0; i < (stops ? G_N_ELEMENTS (answers) : 1); i++) {
    guint n;

    set_state (pipeline, GST_STATE_PLAYING);
    n = wait_for (bus, answers[i]);
    g_assert_cmpuint (n, ==, MIN (answers[i], 2));
    set_state (pipeline, GST_STATE_READY);
    gst_bus_set_flushing (bus, TRUE);
    gst_bus_set_flushing (bus, FALSE);
  }
}

/* A load that was stopped ends by itself: when what compiles a pipeline comes
 * back. What was at something when it was stopped is forgotten by the next
 * stop, and its threads end. */
static void
settle (GstElement *pipeline)
{
  live_wait_threads ("owl2-");
  live_wait_vk_instances ();
  set_state (pipeline, GST_STATE_NULL);
  live_wait_threads ("owl2");
  set_state (pipeline, GST_STATE_READY);
}

/* @lose: (nullable): called before each round that is counted; then rounds have
 * no stops. */
static void
play (void (*lose) (void))
{
  g_autofree char *line = g_strdup_printf (
      "videotestsrc num-buffers=8 ! "
      "video/x-raw,format=I420,width=%d,height=%d,framerate=8/1 ! "
      "owl2 model=%s interval=500000000 frames=2 max-tokens=4 when-busy=wait ! "
      "fakesink sync=false",
      WIDTH, HEIGHT, g_getenv ("OWL2_TEST_MODEL"));
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstBus) bus = NULL;

  g_assert_no_error (error);
  bus = gst_element_get_bus (pipeline);
  live_reset ();
  for (guint i = 0; i < WARM_UP + ROUNDS; i++) {
    if (i >= WARM_UP && lose)
      lose ();
    play_round (pipeline, bus, !lose);
    settle (pipeline);
    if (i >= WARM_UP)
      live_sample ();
  }
  set_state (pipeline, GST_STATE_NULL);
}

static void
test_steady (void)
{
  play (NULL);
  live_assert_steady (FRAME_BYTES);
}

static void
lose_frame (void)
{
  live_lose_block (FRAME_BYTES, 2 * FRAME_BYTES);
}

static void
test_lost_frame (void)
{
  guint before = live_n_lost ();

  if (!live_has (LIVE_BYTES)) {
    g_test_skip ("the sanitizer has a malloc() of its own");
    return;
  }
  play (lose_frame);
  g_assert_cmpuint (live_n_lost () - before, ==, ROUNDS);
  g_assert_true (live_grows (LIVE_BYTES, FRAME_BYTES));
  g_assert_true (live_grows (LIVE_BLOCKS, 0));
  g_assert_false (live_grows (LIVE_VK_BYTES, 0));
  g_assert_false (live_grows (LIVE_FILES, 0));
}

static gpointer
stay (gpointer data)
{
  for (;;)
    g_usleep (G_USEC_PER_SEC);
  return NULL;
}

/* One of each that is not counted as a block. */
static void
lose_others (void)
{
  int fd = open (g_getenv ("OWL2_TEST_MODEL"), O_RDONLY);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (mmap (NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
  g_thread_unref (g_thread_new ("lost", stay, NULL));
  live_lose_vk_memory ();
}

static void
test_lost_others (void)
{
  play (lose_others);
  g_assert_true (live_grows (LIVE_VK_BYTES, 0));
  g_assert_true (live_grows (LIVE_VK_OBJECTS, 0));
  g_assert_true (live_grows (LIVE_THREADS, 0));
  g_assert_true (live_grows (LIVE_FILES, 0));
  g_assert_true (live_grows (LIVE_MAPPINGS, 0));
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cycles/steady", test_steady);
  g_test_add_func ("/cycles/lost-frame", test_lost_frame);
  g_test_add_func ("/cycles/lost-others", test_lost_others);
  return g_test_run ();
}
