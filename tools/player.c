/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "player.h"

#include <string.h>
#include <gio/gio.h>
#include <gst/app/gstappsink.h>
#include <gst/pbutils/pbutils.h>

#include "base.h"
#include "clip.h"
#include "gstowl2upright.h"
#include "program.h"

/* How soon an error, which wakes no appsink, and a signal are noticed. */
#define POLL (20 * GST_MSECOND)

struct _Player {
  char *uri;
  guint64 max_pixels;
  GstElement *pipeline; /* (nullable): NULL while nothing runs */
  GstElement *out;
  GstOwl2Orientation orientation;
  gboolean live;
  gboolean pulled; /* a frame, since the start */
  gint n_decoded, guesses; /* atomic */
  /* What went by while the source was taken apart; with @lock. */
  GMutex lock;
  GString *missing; /* descriptions of decoders */
  gboolean saw_video, saw_other;
  guint width, height; /* of frames that are too large */
};

void
player_frame_clear (PlayerFrame *frame)
{
  if (frame->sample)
    gst_sample_unref (frame->sample);
  memset (frame, 0, sizeof *frame);
}

Player *
player_new (const char *uri, guint64 max_pixels)
{
  Player *p = g_new0 (Player, 1);

  p->uri = g_strdup (uri);
  p->max_pixels = max_pixels;
  p->missing = g_string_new (NULL);
  g_mutex_init (&p->lock);
  return p;
}

void
player_stop (Player *p)
{
  if (p->pipeline)
    gst_element_set_state (p->pipeline, GST_STATE_NULL);
  gst_clear_object (&p->out);
  gst_clear_object (&p->pipeline);
}

void
player_free (Player *p)
{
  if (!p)
    return;
  player_stop (p);
  g_string_free (p->missing, TRUE);
  g_mutex_clear (&p->lock);
  g_free (p->uri);
  g_free (p);
}

/* ---- what goes by ------------------------------------------------------- */

/* What is too large is refused before a decoder takes memory for it, if that is
 * known. */
static gboolean
check_size (Player *p, const GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  int width = 0, height = 0;

  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  if (!p->max_pixels || width <= 0 || height <= 0
      || (guint64) width * (guint) height <= p->max_pixels)
    return TRUE;
  g_mutex_lock (&p->lock);
  p->width = (guint) width;
  p->height = (guint) height;
  g_mutex_unlock (&p->lock);
  return FALSE;
}

/* Each stream in the source, and each form that a parser gives it, is offered
 * here before something is found that takes it. */
static gboolean
on_stream (GstElement *in, GstPad *pad, GstCaps *caps, gpointer user_data)
{
  static const char *const others[] = { "audio/", "text/", "subpicture/",
    "application/x-id3", "application/x-subtitle" };
  Player *p = user_data;
  const char *name = gst_structure_get_name (gst_caps_get_structure (caps, 0));

  g_mutex_lock (&p->lock);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    p->saw_other |= g_str_has_prefix (name, others[i]);
  g_mutex_unlock (&p->lock);
  return check_size (p, caps);
}

/* A frame that goes to its decoder. Where the file has no times for frames, the
 * decoder makes them up from those before. */
static GstPadProbeReturn
on_coded (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  Player *p = user_data;

  if (!GST_BUFFER_PTS_IS_VALID (buffer)
      && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_HEADER))
    g_atomic_int_set (&p->guesses, TRUE);
  return GST_PAD_PROBE_OK;
}

/* Each thread of libav's holds frames of its own, on machines with many cores
 * more than all else takes; and few frames are decoded in a row. */
static void
limit_threads (GstElement *decoder)
{
  if (g_object_class_find_property (
          G_OBJECT_GET_CLASS (decoder), "max-threads"))
    gst_util_set_object_arg (G_OBJECT (decoder), "max-threads", "2");
}

static void
on_element (GstBin *bin, GstBin *sub, GstElement *element, gpointer user_data)
{
  GstElementFactory *factory = gst_element_get_factory (element);
  g_autoptr (GstPad) pad = NULL;
  Player *p = user_data;

  if (!factory
      || !gst_element_factory_list_is_type (
          factory, GST_ELEMENT_FACTORY_TYPE_DECODER
                       | GST_ELEMENT_FACTORY_TYPE_MEDIA_VIDEO
                       | GST_ELEMENT_FACTORY_TYPE_MEDIA_IMAGE))
    return;
  g_mutex_lock (&p->lock);
  p->saw_video = TRUE;
  g_mutex_unlock (&p->lock);
  limit_threads (element);
  pad = gst_element_get_static_pad (element, "sink");
  if (pad)
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_coded, p, NULL);
}

static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Player *p = user_data;
  GstCaps *caps;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    g_atomic_int_inc (&p->n_decoded);
  } else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))
             == GST_EVENT_CAPS) {
    gst_event_parse_caps (GST_PAD_PROBE_INFO_EVENT (info), &caps);
    check_size (p, caps);
  }
  return GST_PAD_PROBE_OK;
}

/* ---- errors ------------------------------------------------------------- */

/* Of sound nobody wants one. */
static void
add_missing (Player *p, GstMessage *message)
{
  const GstStructure *s = gst_message_get_structure (message);
  const GValue *detail = gst_structure_get_value (s, "detail");
  g_autofree char *what = NULL;

  if (detail && GST_VALUE_HOLDS_CAPS (detail)
      && !gst_caps_is_empty (gst_value_get_caps (detail))
      && g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (
                               gst_value_get_caps (detail), 0)),
          "audio/"))
    return;
  what = gst_missing_plugin_message_get_description (message);
  g_mutex_lock (&p->lock);
  if (!strstr (p->missing->str, what))
    g_string_append_printf (
        p->missing, "%s%s", p->missing->len ? ", " : "", what);
  g_mutex_unlock (&p->lock);
}

/* (nullable) (transfer full): why the host of the source can't be reached. */
static char *
try_host (Player *p)
{
  static const struct {
    const char *scheme;
    guint16 port;
  } schemes[] = { { "http:", 80 }, { "https:", 443 }, { "rtsp:", 554 } };
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  g_socket_client_set_timeout (client, 5);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_ascii_strncasecmp (
            p->uri, schemes[i].scheme, strlen (schemes[i].scheme))
        == 0)
      connection = g_socket_client_connect_to_uri (
          client, p->uri, schemes[i].port, NULL, &error);
  return error ? g_strdup (error->message) : NULL;
}

/* The plainest cause of @cause, which is what the pipeline noticed. */
static void
set_error (Player *p, const GError *cause, GError **error)
{
  g_autofree char *host = p->pulled ? NULL : try_host (p);
  g_autofree char *said = NULL;

  g_mutex_lock (&p->lock);
  if (p->width)
    said = g_strdup_printf ("%ux%u are %" G_GUINT64_FORMAT
                            " pixels, more than the %" G_GUINT64_FORMAT
                            " of --max-pixels",
        p->width, p->height, (guint64) p->width * p->height, p->max_pixels);
  else if (host)
    said = g_strdup_printf ("can't be reached: %s", host);
  else if (p->missing->len)
    said = g_strdup_printf ("GStreamer has no %s installed", p->missing->str);
  else if (p->saw_other && !p->saw_video)
    said = g_strdup ("there is no video in it");
  else if (!cause)
    said = g_strdup ("no video frame was decoded");
  else
    said = g_strdup_printf ("%s: %s",
        cause->domain == GST_RESOURCE_ERROR ? "can't be read"
                                            : "no video can be decoded",
        cause->message);
  g_mutex_unlock (&p->lock);
  g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, said);
}

/* Frames, or what leads to them, are too large. */
static gboolean
is_too_large (Player *p)
{
  gboolean is;

  g_mutex_lock (&p->lock);
  is = p->width > 0;
  g_mutex_unlock (&p->lock);
  return is;
}

/* What was posted since; FALSE if the pipeline can't go on. */
static gboolean
check_bus (Player *p, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (p->pipeline);
  g_autoptr (GError) cause = NULL;
  GstMessage *message;

  while (!cause && (message = gst_bus_pop (bus))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
      gst_message_parse_error (message, &cause, NULL);
    else if (gst_is_missing_plugin_message (message))
      add_missing (p, message);
    gst_message_unref (message);
  }
  if (!cause)
    return TRUE;
  set_error (p, cause, error);
  return FALSE;
}

/* ---- playing ------------------------------------------------------------ */

/* Parsers find out which way up a photograph is, decoders do not; so where one
 * can be had, it comes before them. */
static void
prefer_parser (const char *name)
{
  GstPluginFeature *parser =
      gst_registry_lookup_feature (gst_registry_get (), name);

  if (!parser)
    return;
  gst_plugin_feature_set_rank (parser, GST_RANK_PRIMARY + 1);
  gst_object_unref (parser);
}

void
player_start (Player *p)
{
  g_autoptr (GstElement) in = NULL;
  g_autoptr (GstPad) pad = NULL;

  player_stop (p);
  p->pulled = FALSE;
  prefer_parser ("jpegparse");
  /* Of fewer frames that wait, fewer are decoded for nothing before a seek. */
  p->pipeline = gst_parse_launch (
      "uridecodebin name=in caps=video/x-raw(ANY) expose-all-streams=false ! "
      "appsink name=out sync=false max-buffers=1 caps=video/x-raw",
      NULL);
  in = gst_bin_get_by_name (GST_BIN (p->pipeline), "in");
  p->out = gst_bin_get_by_name (GST_BIN (p->pipeline), "out");
  memset (&p->orientation, 0, sizeof p->orientation);
  g_object_set (in, "uri", p->uri, NULL);
  g_signal_connect (in, "autoplug-continue", G_CALLBACK (on_stream), p);
  g_signal_connect (
      p->pipeline, "deep-element-added", G_CALLBACK (on_element), p);
  pad = gst_element_get_static_pad (p->out, "sink");
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
      p, NULL);
  p->live = gst_element_set_state (p->pipeline, GST_STATE_PAUSED)
            == GST_STATE_CHANGE_NO_PREROLL;
  gst_element_set_state (p->pipeline, GST_STATE_PLAYING);
}

/* The next buffer as a sample, after the events before it; NULL if there is
 * none yet, or no more. */
static GstSample *
pull_sample (Player *p)
{
  for (;;) {
    GstMiniObject *object =
        gst_app_sink_try_pull_object (GST_APP_SINK (p->out), POLL);

    if (!object || GST_IS_SAMPLE (object))
      return (GstSample *) object;
    if (GST_IS_EVENT (object))
      gst_owl2_orientation_event (&p->orientation, GST_EVENT (object));
    gst_mini_object_unref (object);
  }
}

static gint64
frame_duration (GstBuffer *buffer, const GstVideoInfo *info)
{
  if (GST_BUFFER_DURATION_IS_VALID (buffer))
    return (gint64) MIN (GST_BUFFER_DURATION (buffer), OWL2_CLIP_AXIS_MAX);
  return info->fps_n > 0 ? (gint64) gst_util_uint64_scale (
             GST_SECOND, (guint64) info->fps_d, (guint64) info->fps_n)
                         : 0;
}

/* FALSE: it has no time. */
static gboolean
frame_init (Player *p, PlayerFrame *frame, GstSample *sample, GError **error)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  const GstSegment *segment = gst_sample_get_segment (sample);
  const guint64 t = gst_segment_to_stream_time (
      segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  const guint64 stop =
      gst_segment_to_stream_time (segment, GST_FORMAT_TIME, segment->stop);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (sample))) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "a decoded frame can't be read");
    return FALSE;
  }
  if (t > OWL2_CLIP_AXIS_MAX)
    return FALSE;
  *frame = (PlayerFrame){ .sample = gst_sample_ref (sample),
    .t = (gint64) t,
    .duration = frame_duration (buffer, &info),
    .stop = stop > OWL2_CLIP_AXIS_MAX ? -1 : (gint64) stop,
    .orientation = gst_owl2_orientation_get (&p->orientation) };
  return TRUE;
}

gboolean
player_pull (Player *p, PlayerFrame *frame, GError **error)
{
  memset (frame, 0, sizeof *frame);
  for (;;) {
    g_autoptr (GstSample) sample = pull_sample (p);
    GError *bad = NULL;

    if (program_signal) {
      g_set_error_literal (
          error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "ended by a signal");
      return FALSE;
    }
    if (is_too_large (p)) {
      set_error (p, NULL, error);
      return FALSE;
    }
    if (sample && frame_init (p, frame, sample, &bad))
      return p->pulled = TRUE;
    if (bad) {
      g_propagate_error (error, bad);
      return FALSE;
    }
    if (!check_bus (p, error))
      return FALSE;
    if (sample || !gst_app_sink_is_eos (GST_APP_SINK (p->out)))
      continue;
    if (!p->pulled)
      set_error (p, NULL, error);
    return p->pulled;
  }
}

gboolean
player_seek (Player *p, gint64 t)
{
  return gst_element_seek (p->pipeline, 1., GST_FORMAT_TIME,
      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_BEFORE,
      GST_SEEK_TYPE_SET, MAX (t, 0), GST_SEEK_TYPE_NONE, -1);
}

gboolean
player_is_live (Player *p)
{
  return p->live;
}

gboolean
player_can_seek (Player *p)
{
  GstQuery *query = gst_query_new_seeking (GST_FORMAT_TIME);
  gboolean can = FALSE;

  if (!p->live && gst_element_query (p->out, query))
    gst_query_parse_seeking (query, NULL, &can, NULL, NULL);
  gst_query_unref (query);
  return can;
}

gboolean
player_has_times (Player *p)
{
  return !g_atomic_int_get (&p->guesses);
}

gboolean
player_get_duration (Player *p, gint64 *duration)
{
  return gst_element_query_duration (p->out, GST_FORMAT_TIME, duration)
         && *duration > 0 && *duration <= OWL2_CLIP_AXIS_MAX;
}

guint64
player_n_decoded (Player *p)
{
  return (guint64) g_atomic_int_get (&p->n_decoded);
}
