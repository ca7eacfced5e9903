/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "video.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>

#include "base.h"
#include "h264.h"
#include "pictures.h"

/* Shortest time between two pictures that were asked for, us. */
#define KEY_GAP_US (G_USEC_PER_SEC / 2)
#define EDGE "[2," PICTURES_MAX_EDGE ",2]"

struct _Video {
  GMutex lock;    /* of in; held for a few instructions only */
  GstElement *in; /* (nullable): while it is on */
  GstElement *pipeline;
  guint watch;
  gint key_wanted; /* atomic */
  gint64 last_key; /* of the thread that shows */
  VideoTaker taker;
};

Video *
video_new (void)
{
  Video *video = g_new0 (Video, 1);

  g_mutex_init (&video->lock);
  return video;
}

void
video_free (Video *video)
{
  if (!video)
    return;
  video_stop (video);
  g_mutex_clear (&video->lock);
  g_free (video);
}

/* ---- what goes in ------------------------------------------------------- */

static void
ask_key (Video *video, GstElement *in)
{
  const gint64 now = g_get_monotonic_time ();

  if (now - video->last_key < KEY_GAP_US
      || !g_atomic_int_compare_and_exchange (&video->key_wanted, TRUE, FALSE))
    return;
  video->last_key = now;
  gst_element_send_event (
      in, gst_video_event_new_downstream_force_key_unit (GST_CLOCK_TIME_NONE,
              GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, TRUE, 0));
}

/* As whole pictures, also where they were taken in two fields, which the
 * profile does not have. Their time is when they come. */
static GstSample *
make_sample (GstPad *pad, GstBuffer *buffer)
{
  GstCaps *caps = gst_pad_get_current_caps (pad);
  g_autoptr (GstBuffer) own = gst_buffer_copy (buffer);
  GstSample *sample;

  GST_BUFFER_PTS (own) = GST_BUFFER_DTS (own) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (own) = GST_CLOCK_TIME_NONE;
  if (caps) {
    caps = gst_caps_make_writable (caps);
    gst_caps_set_simple (
        caps, "interlace-mode", G_TYPE_STRING, "progressive", NULL);
  }
  sample = gst_sample_new (own, caps, NULL, NULL);
  gst_clear_caps (&caps);
  return sample;
}

void
video_show (Video *video, GstPad *pad, GstBuffer *buffer)
{
  g_autoptr (GstElement) in = NULL;
  g_autoptr (GstSample) sample = NULL;

  g_mutex_lock (&video->lock);
  if (video->in)
    in = gst_object_ref (video->in);
  g_mutex_unlock (&video->lock);
  if (!in)
    return;
  sample = make_sample (pad, buffer);
  gst_app_src_push_sample (GST_APP_SRC (in), sample);
  ask_key (video, in);
}

void
video_want_key (Video *video)
{
  g_atomic_int_set (&video->key_wanted, TRUE);
}

/* ---- what comes out ----------------------------------------------------- */

static GstFlowReturn
on_picture (GstAppSink *sink, gpointer user_data)
{
  g_autoptr (GstSample) sample = gst_app_sink_pull_sample (sink);
  const VideoTaker *taker = &((Video *) user_data)->taker;

  if (sample)
    taker->came (gst_sample_get_buffer (sample), taker->user_data);
  return GST_FLOW_OK;
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Video *video = user_data;

  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR)
    return G_SOURCE_CONTINUE;
  video->watch = 0;
  video->taker.failed (video->taker.user_data);
  return G_SOURCE_REMOVE;
}

/* Even sizes, and a range of colours that every browser takes for granted. */
static GstElement *
make_pipeline (GError **error)
{
  const char *encoder = h264_for_live (error);
  g_autofree char *text = NULL;

  if (!encoder)
    return NULL;
  text = g_strdup_printf (
      "appsrc name=shown is-live=true format=time do-timestamp=true "
      "max-buffers=1 max-bytes=0 max-time=0 leaky-type=downstream ! "
      "videoscale ! videoconvert ! "
      "video/x-raw,format={I420,NV12},colorimetry={bt709,bt601},"
      "pixel-aspect-ratio=1/1,width=" EDGE ",height=" EDGE " ! %s ! h264parse "
      "config-interval=-1 ! " VIDEO_CAPS
      ",profile={constrained-baseline,baseline} ! appsink name=out sync=false "
      "async=false max-buffers=1",
      encoder);
  return gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
}

static void
connect_pipeline (Video *video)
{
  GstAppSinkCallbacks callbacks = { .new_sample = on_picture };
  g_autoptr (GstElement) out =
      gst_bin_get_by_name (GST_BIN (video->pipeline), "out");
  g_autoptr (GstBus) bus = gst_element_get_bus (video->pipeline);

  gst_app_sink_set_callbacks (GST_APP_SINK (out), &callbacks, video, NULL);
  video->watch = gst_bus_add_watch (bus, on_message, video);
}

gboolean
video_start (Video *video, const VideoTaker *taker, GError **error)
{
  GstElement *in;

  video->pipeline = make_pipeline (error);
  if (!video->pipeline)
    return FALSE;
  video->taker = *taker;
  connect_pipeline (video);
  gst_element_set_state (video->pipeline, GST_STATE_PLAYING);
  in = gst_bin_get_by_name (GST_BIN (video->pipeline), "shown");
  g_mutex_lock (&video->lock);
  video->in = in;
  g_mutex_unlock (&video->lock);
  return TRUE;
}

void
video_stop (Video *video)
{
  GstElement *in;

  if (!video->pipeline)
    return;
  g_mutex_lock (&video->lock);
  in = g_steal_pointer (&video->in);
  g_mutex_unlock (&video->lock);
  g_clear_handle_id (&video->watch, g_source_remove);
  gst_element_set_state (video->pipeline, GST_STATE_NULL);
  gst_object_unref (in);
  gst_clear_object (&video->pipeline);
}

gboolean
video_is_on (const Video *video)
{
  return video->pipeline != NULL;
}
