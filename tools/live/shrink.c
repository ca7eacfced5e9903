/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shrink.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include "base.h"
#include "program.h"
#include "reply.h"

/* Pictures that wait to be made; more are left out. */
#define MAX_WAITING 256

struct _Small {
  Shrinker *shrinker; /* (nullable): NULL once it is made, or can't be */
  guint64 number;
  GBytes *jpeg;     /* (nullable) */
  Waiting *waiting; /* until it is made */
};

struct _Shrinker {
  GstElement *pipeline, *in, *out;
  GQueue waiting; /* Small, by number */
  guint64 n_added;
};

/* ---- one ---------------------------------------------------------------- */

static void
reply_now (SoupServerMessage *msg, gpointer user_data)
{
  Small *small = user_data;

  if (small && small->jpeg)
    reply_bytes (msg, "image/jpeg", small->jpeg);
  else
    reply_error (msg, SOUP_STATUS_NOT_FOUND, "this picture is not kept");
}

static void
small_end (Small *small, GBytes *jpeg)
{
  Waiting *waiting = g_steal_pointer (&small->waiting);

  small->shrinker = NULL;
  small->jpeg = jpeg ? g_bytes_ref (jpeg) : NULL;
  if (waiting)
    waiting_end (waiting, reply_now, small);
}

void
small_free (Small *small)
{
  if (!small)
    return;
  if (small->shrinker)
    g_queue_remove (&small->shrinker->waiting, small);
  if (small->waiting)
    small_end (small, NULL);
  g_clear_pointer (&small->jpeg, g_bytes_unref);
  g_free (small);
}

void
small_reply (Small *small, SoupServerMessage *msg)
{
  if (small && small->waiting)
    waiting_add (small->waiting, msg);
  else
    reply_now (msg, small);
}

/* ---- all ---------------------------------------------------------------- */

/* With the number that went in with it; what came before and did not come out
 * can't be made. */
static void
take (Shrinker *shrinker, GstSample *sample)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  const guint64 number = GST_BUFFER_PTS (buffer) / GST_MSECOND;
  gpointer data;
  gsize n;
  Small *small;

  gst_buffer_extract_dup (buffer, 0, (gsize) -1, &data, &n);
  g_autoptr (GBytes) jpeg = g_bytes_new_take (data, n);
  while ((small = g_queue_peek_head (&shrinker->waiting))
         && small->number <= number) {
    g_queue_pop_head (&shrinker->waiting);
    small_end (small, small->number == number ? jpeg : NULL);
  }
}

static gboolean
on_samples (gpointer user_data)
{
  Shrinker *shrinker = user_data;
  GstSample *sample;

  while ((sample =
              gst_app_sink_try_pull_sample (GST_APP_SINK (shrinker->out), 0))) {
    take (shrinker, sample);
    gst_sample_unref (sample);
  }
  return G_SOURCE_REMOVE;
}

static GstFlowReturn
on_sample (GstAppSink *sink, gpointer user_data)
{
  g_idle_add (on_samples, user_data);
  return GST_FLOW_OK;
}

Shrinker *
shrinker_new (GError **error)
{
  GstAppSinkCallbacks callbacks = { .new_sample = on_sample };
  Shrinker *shrinker = g_new0 (Shrinker, 1);

  g_queue_init (&shrinker->waiting);
  shrinker->pipeline = gst_parse_launch_full (
      "appsrc name=in caps=image/jpeg format=time max-bytes=0 ! jpegdec ! "
      "videoscale ! video/x-raw,width=" G_STRINGIFY (
          SMALL_WIDTH) ",pixel-aspect-ratio=1/1 ! jpegenc ! appsink name=out "
                       "sync=false",
      NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  if (!shrinker->pipeline) {
    g_free (shrinker);
    return NULL;
  }
  shrinker->in = gst_bin_get_by_name (GST_BIN (shrinker->pipeline), "in");
  shrinker->out = gst_bin_get_by_name (GST_BIN (shrinker->pipeline), "out");
  gst_app_sink_set_callbacks (
      GST_APP_SINK (shrinker->out), &callbacks, shrinker, NULL);
  gst_element_set_state (shrinker->pipeline, GST_STATE_PLAYING);
  return shrinker;
}

void
shrinker_free (Shrinker *shrinker)
{
  Small *small;

  if (!shrinker)
    return;
  gst_element_set_state (shrinker->pipeline, GST_STATE_NULL);
  while (g_idle_remove_by_data (shrinker))
    ;
  while ((small = g_queue_pop_head (&shrinker->waiting)))
    small_end (small, NULL);
  gst_object_unref (shrinker->in);
  gst_object_unref (shrinker->out);
  gst_object_unref (shrinker->pipeline);
  g_free (shrinker);
}

Small *
shrinker_add (Shrinker *shrinker, const Picture *picture)
{
  Small *small = g_new0 (Small, 1);
  GstBuffer *buffer;

  if (shrinker->waiting.length >= MAX_WAITING)
    return small;
  small->shrinker = shrinker;
  small->number = shrinker->n_added++;
  small->waiting = waiting_new ();
  g_queue_push_tail (&shrinker->waiting, small);
  buffer = gst_buffer_new_wrapped_bytes (picture->jpeg);
  GST_BUFFER_PTS (buffer) = small->number * GST_MSECOND;
  gst_app_src_push_buffer (GST_APP_SRC (shrinker->in), buffer);
  return small;
}
