/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "player.h"

#include <string.h>
#include <gst/app/gstappsink.h>

#include "base.h"
#include "clip.h"
#include "gstowl2upright.h"
#include "intake.h"
#include "program.h"

/* How soon an error, which wakes no appsink, and a signal are noticed. */
#define POLL (20 * GST_MSECOND)

struct _Player {
  Intake *intake;
  GstElement *pipeline; /* (nullable): NULL while nothing runs */
  GstElement *out;
  GstOwl2Orientation orientation;
  gboolean live;
  gboolean pulled; /* a frame, since the start */
  gint n_decoded;  /* atomic */
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

  p->intake = intake_new (uri, max_pixels);
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
  intake_free (p->intake);
  g_free (p);
}

/* ---- what goes by ------------------------------------------------------- */

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
    intake_see_caps (p->intake, caps);
  }
  return GST_PAD_PROBE_OK;
}

/* ---- errors ------------------------------------------------------------- */

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
    else
      intake_see_message (p->intake, message);
    gst_message_unref (message);
  }
  if (!cause)
    return TRUE;
  intake_explain (p->intake, cause, !p->pulled, error);
  return FALSE;
}

/* ---- playing ------------------------------------------------------------ */

gboolean
player_start (Player *p, GError **error)
{
  g_autoptr (GError) missing = NULL;
  g_autoptr (GstElement) in = NULL;
  g_autoptr (GstPad) pad = NULL;

  player_stop (p);
  p->pulled = FALSE;
  /* Of fewer frames that wait, fewer are decoded for nothing before a seek. */
  p->pipeline = gst_parse_launch ("uridecodebin name=in ! appsink name=out "
                                  "sync=false max-buffers=1 caps=video/x-raw",
      &missing);
  if (missing) {
    gst_clear_object (&p->pipeline);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "can't be decoded: %s",
        missing->message);
    return FALSE;
  }
  in = gst_bin_get_by_name (GST_BIN (p->pipeline), "in");
  p->out = gst_bin_get_by_name (GST_BIN (p->pipeline), "out");
  memset (&p->orientation, 0, sizeof p->orientation);
  intake_watch (p->intake, in, GST_BIN (p->pipeline));
  pad = gst_element_get_static_pad (p->out, "sink");
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
      p, NULL);
  p->live = gst_element_set_state (p->pipeline, GST_STATE_PAUSED)
            == GST_STATE_CHANGE_NO_PREROLL;
  gst_element_set_state (p->pipeline, GST_STATE_PLAYING);
  return TRUE;
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
    if (intake_is_too_large (p->intake)) {
      intake_explain (p->intake, NULL, !p->pulled, error);
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
      intake_explain (p->intake, NULL, !p->pulled, error);
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
  return !intake_has_guesses (p->intake);
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
