/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A day of stream time in eight elements with text pads that share a model,
 * while their properties change, and flushing seeks without end: what the
 * process holds stays what it was. With OWL2_LONG it is 24 hours and 10,000
 * seeks, else some minutes of each hour and some hundred seeks.
 *
 * OWL2_TEST_MODEL names the model, GST_PLUGIN_PATH the plugin's folder. */
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include "live.h"

#define STREAMS 8
#define WIDTH 72
#define HEIGHT 56
#define FRAME_BYTES (WIDTH * HEIGHT * 3 / 2)
/* A frame in ten seconds, a clip of two a minute. */
#define FRAME_TIME (10 * GST_SECOND)
#define CLIP_TIME (60 * GST_SECOND)
#define WARM_UP 4
#define ROUNDS 20
#define GROWTH (1 << 20)

typedef struct {
  GstElement *pipeline, *source, *owl2;
  GstBus *bus;
  guint64 n_frames;
} Stream;

static gboolean
is_long (void)
{
  const char *text = g_getenv ("OWL2_LONG");

  return text && *text;
}

static void
stream_init (Stream *stream)
{
  g_autofree char *line = g_strdup_printf (
      "appsrc name=source format=time caps=video/x-raw,format=I420,width=%d,"
      "height=%d,framerate=1/10 ! owl2 name=owl2 model=%s "
      "interval=%" G_GUINT64_FORMAT
      " frames=2 max-tokens=4 when-busy=wait cache-bytes=1000000 ! fakesink "
      "sync=false async=false  owl2.text_src ! queue ! fakesink sync=false "
      "async=false",
      WIDTH, HEIGHT, g_getenv ("OWL2_TEST_MODEL"), CLIP_TIME);
  g_autoptr (GError) error = NULL;

  stream->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  stream->source = gst_bin_get_by_name (GST_BIN (stream->pipeline), "source");
  stream->owl2 = gst_bin_get_by_name (GST_BIN (stream->pipeline), "owl2");
  stream->bus = gst_element_get_bus (stream->pipeline);
  gst_element_set_state (stream->pipeline, GST_STATE_PLAYING);
}

static void
stream_clear (Stream *stream)
{
  gst_element_set_state (stream->pipeline, GST_STATE_NULL);
  gst_object_unref (stream->bus);
  gst_object_unref (stream->owl2);
  gst_object_unref (stream->source);
  gst_object_unref (stream->pipeline);
}

static void
push_frame (Stream *stream)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, FRAME_BYTES, NULL);

  gst_buffer_memset (buffer, 0, (guint8) (stream->n_frames * 7), FRAME_BYTES);
  GST_BUFFER_PTS (buffer) = stream->n_frames++ * FRAME_TIME;
  GST_BUFFER_DURATION (buffer) = FRAME_TIME;
  g_assert_cmpint (
      gst_app_src_push_buffer (GST_APP_SRC (stream->source), buffer), ==,
      GST_FLOW_OK);
}

/* What may be set while it plays. */
static void
set_something (Stream *stream, guint i)
{
  static const char *const prompts[] = { "What is this?", "Is there a dog?" };

  g_object_set (stream->owl2, "prompt", prompts[i % 2], "temperature",
      (double) (i % 3) / 2, "seed", (guint64) i, "max-tokens", 3 + i % 2, NULL);
}

/* Counts @n answers, and forgets what else is said. */
static void
take_answers (Stream *stream, guint n)
{
  while (n > 0) {
    g_autoptr (GstMessage) m =
        gst_bus_timed_pop (stream->bus, 120 * GST_SECOND);

    g_assert_nonnull (m);
    g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
    n -= gst_message_has_name (m, "owl2-answer");
  }
}

/* @minutes of all streams, with @n_sets changes of properties. */
static void
play_minutes (Stream *streams, guint minutes, guint n_sets)
{
  guint n_set = 0;

  for (guint minute = 0; minute < minutes; minute++) {
    for (guint frame = 0; frame < CLIP_TIME / FRAME_TIME; frame++)
      for (guint i = 0; i < STREAMS; i++)
        push_frame (&streams[i]);
    for (; n_set * minutes < n_sets * (minute + 1); n_set++)
      set_something (&streams[n_set % STREAMS], n_set);
    for (guint i = 0; i < STREAMS; i++)
      take_answers (&streams[i], 1);
  }
}

/* Streams play on while they are sampled, so that what is under way counts,
 * too: a test of single blocks is pipeline-cycles. */
static void
assert_flat (double rounds)
{
  const double grown = live_slope (LIVE_BYTES) * rounds;
  const double vulkan = live_slope (LIVE_VK_BYTES) * rounds;

  g_test_message ("%.0f rounds: %+.0f bytes on the host, %+.0f of Vulkan's",
      rounds, grown, vulkan);
  if (live_has (LIVE_BYTES))
    g_assert_cmpfloat (grown, <, GROWTH);
  g_assert_cmpfloat (vulkan, <, GROWTH);
  g_assert_cmpfloat (live_slope (LIVE_THREADS) * rounds, <, 1);
  g_assert_cmpfloat (live_slope (LIVE_FILES) * rounds, <, 1);
  g_assert_cmpfloat (live_slope (LIVE_MAPPINGS) * rounds, <, 1);
}

static void
test_day (void)
{
  const guint minutes = is_long () ? 60 : 2;
  Stream streams[STREAMS] = { 0 };

  for (guint i = 0; i < STREAMS; i++)
    stream_init (&streams[i]);
  /* The first clip ends when the frame after it comes. */
  for (guint i = 0; i < STREAMS; i++)
    push_frame (&streams[i]);
  live_reset ();
  for (guint hour = 0; hour < WARM_UP + ROUNDS; hour++) {
    play_minutes (streams, minutes, is_long () ? 20000 : 1000);
    if (hour >= WARM_UP)
      live_sample ();
  }
  g_test_message ("%d streams of %.1f hours each", STREAMS,
      (double) streams[0].n_frames * FRAME_TIME / (3600. * GST_SECOND));
  assert_flat (WARM_UP + ROUNDS);
  for (guint i = 0; i < STREAMS; i++)
    stream_clear (&streams[i]);
}

/* To the stream's end. */
static void
wait_for_end (GstBus *bus)
{
  for (;;) {
    g_autoptr (GstMessage) m = gst_bus_timed_pop (bus, 120 * GST_SECOND);

    g_assert_nonnull (m);
    g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS)
      return;
  }
}

static void
seek (GstElement *pipeline, GstClockTime to)
{
  g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, (gint64) to));
}

static void
test_seeks (void)
{
  const guint n_seeks = is_long () ? 500 : 10;
  g_autofree char *line = g_strdup_printf (
      "videotestsrc num-buffers=100 ! "
      "video/x-raw,format=I420,width=%d,height=%d,"
      "framerate=10/1 ! owl2 name=owl2 model=%s interval=500000000 frames=2 "
      "max-tokens=4 when-busy=wait cache-bytes=1000000 ! fakesink sync=false  "
      "owl2.text_src ! queue ! fakesink sync=false async=false",
      WIDTH, HEIGHT, g_getenv ("OWL2_TEST_MODEL"));
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint n = 0;

  g_assert_no_error (error);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_end (bus);
  live_reset ();
  for (guint i = 0; i < WARM_UP + ROUNDS; i++) {
    for (guint k = 0; k < n_seeks; k++, n++) {
      seek (pipeline,
          (GstClockTime) g_rand_int_range (rand, 0, 9000) * GST_MSECOND);
      g_usleep ((gulong) g_rand_int_range (rand, 0, 2000));
    }
    /* Ends that it came to meanwhile are forgotten. */
    gst_bus_set_flushing (bus, TRUE);
    gst_bus_set_flushing (bus, FALSE);
    seek (pipeline, 8 * GST_SECOND);
    wait_for_end (bus);
    if (i >= WARM_UP)
      live_sample ();
  }
  g_test_message ("%u seeks", n);
  assert_flat (WARM_UP + ROUNDS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/day/streams", test_day);
  g_test_add_func ("/day/seeks", test_seeks);
  return g_test_run ();
}
